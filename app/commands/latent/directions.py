"""`forensics latent directions`: ways in w along which one thing changes; found, named, shown, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.commands.latent.opening import Device, Kind, Weights, check_out, deviations, opened, record, say
from app.commands.outputs import check_file
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from generators.latent.direction import Direction

METHODS = ("sefa", "pca", "logistic", "svm")
SHOWN = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # standard deviations, in the picture beside
MOST_ROWS = 16  # directions in it


def directions(
    weights: Weights,
    out: Annotated[Path, typer.Option(help="The directions, .safetensors; a picture of them is put beside.")],
    method: Annotated[str, typer.Option(help="sefa, pca; or with --labels: logistic, svm.")] = "sefa",
    labels: Annotated[
        Path | None, typer.Option(metavar="CSV", help="seed,THING,...: 1 or 0, for each seed that was looked at.")
    ] = None,
    n: Annotated[int, typer.Option(help="So many, of sefa and pca.")] = 8,
    layers: Annotated[
        str, typer.Option(help="Where they apply, and whose styles sefa looks at: 0-3, coarse, middle, fine.")
    ] = "all",
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="Name what you saw: sefa-0=turn; repeatable.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Whose picture is shown along them.")] = 0,
    kind: Kind = None,
    device: Device = "cpu",
) -> None:
    """Find directions of w: SeFa (closed form), PCA of w, or from seeds that you labelled."""
    from generators.latent.direction import renamed, save
    from generators.latent.directions import Directions
    from generators.latent.edit import Edit, Move, sweep
    from generators.latent.mixing import layers_of
    from generators.latent.points import Point
    from generators.latent.sheet import sheet, write
    from generators.latent.supervised import parted, read_labels
    from generators.latent.unsupervised import pca, sefa

    if out.suffix != ".safetensors":
        raise Refusal(f"--out {out}: must end in .safetensors")
    picture = out.with_suffix(".png")
    check_out(out)
    check_file(picture, "--out")
    if method not in METHODS:
        raise Refusal(f"--method {method}: must be one of {', '.join(METHODS)}")
    if (labels is None) == (method in ("logistic", "svm")):
        raise Refusal(f"--method {method} {'needs' if labels is None else 'takes no'} --labels; logistic and svm do")
    names = dict(pair_of(word) for word in rename or ())
    answers = read_labels(labels) if labels else {}
    space = opened(weights, kind, device)
    where = None if layers == "all" else layers_of(layers, space.styled.layers)
    if labels:
        found = [parted(space, name, seeds, method, where) for name, seeds in answers.items()]
    else:
        found = (sefa if method == "sefa" else pca)(space, n, where)
    found = renamed(found, names)
    known, point = Directions(space, found), Point(f"seed {seed}", seed)
    pictures = [list(sweep(space, point, Edit(), Move(d.name, 0.0), SHOWN, known)) for d in found[:MOST_ROWS]]
    settings = {"method": method, "n": len(found), "layers": where}
    save(found, out, {**settings, "weights": space.trained.sha256, "family": space.family.name})
    beside = sheet(pictures, [d.name for d in found[:MOST_ROWS]], deviations(SHOWN))
    write(beside, picture, space.trained.software)
    record(out, space, [point], settings)
    table(found)
    say(f"found: {out}; look at {picture}")


def pair_of(word: str) -> tuple[str, str]:
    old, equals, new = word.partition("=")
    if not equals:
        raise Refusal(f"--rename {word}: give OLD=NEW, e.g. sefa-0=turn")
    return old.strip(), new.strip()


def table(found: list[Direction]) -> None:
    """A line a direction: how much of the whole it is, or how well it parts seeds it was not fitted to."""
    shown = Table("direction", "what is told of it")
    for each in found:
        told = each.told
        if "auc" in told:
            low, high = told["auc_95"]
            what = f"AUC {told['auc']:.2f} ({low:.2f}-{high:.2f}) on seeds left out, n = {told['n']}"
            what += ": no better than chance" if low <= 0.5 else ""
        else:
            what = f"{told['share']:.1%} of {'the variance of w' if told['method'] == 'PCA' else 'what styles move'}"
        shown.add_row(each.name, what)
    Console(stderr=True).print(shown)
