"""`forensics lineage`: one figure of all generators, from the autoencoder on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file
from forensics.refusal import Refusal
from forensics.saving import at_once

MOST_SEEDS = 24


def lineage(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs or exported files.  [default: all that ships]"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The figure, a PNG.")] = Path("lineage.png"),
    seeds: Annotated[str, typer.Option(help="Columns: numbers and ranges.")] = "0-9",
    data: Annotated[
        Path | None,
        typer.Option(help="Training photos: measures the scores anew and saves them beside the figure, as .json."),
    ] = None,
    n: Annotated[int, typer.Option(help="With --data: so many pictures of each, and photos.")] = 2000,
) -> None:
    """Draw a row of samples a family, autoencoder to StyleGAN2-ADA, the same seeds in each column.

    Beside them: year, size, parameters, and a FID-like score. Scores are those that ship with the weights, or
    are measured against the photos of --data; one measured on other weights is never shown.
    """
    from benchmarks.lineage.figure import as_png, draw
    from benchmarks.lineage.scores import SCORES, Scores, measure, row, shipped
    from benchmarks.stamp import Stamp
    from forensics import features
    from generators.forge import seeds_of
    from generators.trained import load

    check_file(out, "--out")
    columns = seeds_of(seeds)
    if len(columns) > MOST_SEEDS:
        raise Refusal(f"--seeds {seeds}: {len(columns):,} columns; at most {MOST_SEEDS} fit")
    console = Console(stderr=True)
    trained, missing = ([load(run) for run in runs], []) if runs else shipped()
    if not trained:
        raise Refusal("no generator's weights are here; run `make weights`, or name runs of `forensics train`")
    for name in missing:
        console.print(Text(f"left out: {name}, whose weights are not here (make weights)"), soft_wrap=True)
    if data is not None:
        stamp = Stamp.now(seed=0)
        made = {"command": stamp.command, "date": stamp.date, "commit": stamp.commit, "libraries": stamp.libraries}
        with console.status("measuring") as status:
            scores = measure(trained, data, features.shipped(), n, made, lambda doing: status.update(doing))
        scores.save(out.with_suffix(".json"))
    else:
        scores = Scores.load(SCORES) if SCORES.exists() else None
        for each in trained:
            if scores and not scores.score(each):
                console.print(Text(f"{each.family.name}: these weights were not scored; pass --data"), soft_wrap=True)
    figure = draw([row(each, columns, scores) for each in trained], columns, scores)
    out.parent.mkdir(parents=True, exist_ok=True)
    with at_once(out) as part:
        part.write_bytes(as_png(figure))
    console.print(Text(f"drawn: {out}"), soft_wrap=True)
