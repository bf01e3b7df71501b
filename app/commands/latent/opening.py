"""What all latent commands take, and what they leave behind: how an output was made, beside it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file
from forensics.refusal import Refusal
from forensics.saving import write_at_once

if TYPE_CHECKING:
    from generators.latent.points import Point
    from generators.latent.space import Space

Weights = Annotated[
    str, typer.Argument(metavar="WEIGHTS", help="A run's folder, a weights file, or a family that ships.")
]
Points = Annotated[
    list[str], typer.Argument(metavar="POINT...", help="Seeds (0-7,12) and files of saved w.", show_default=False)
]
Truncation = Annotated[float, typer.Option(metavar="PSI", help="Of seeds; below 1: likelier, less varied.")]
Kind = Annotated[str | None, typer.Option("--class", metavar="K|NAME", help="Of seeds.  [default: each its own]")]
Scale = Annotated[int | None, typer.Option(help="Pixels are repeated so often.  [default: small pictures enlarged]")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda")]
Thing = TypeVar("Thing")
MOST_NUMBERS = 200


def opened(weights: str, kind: str | None, device: str, truncation: float = 1.0) -> Space:
    """Raises Refusal for weights, class, device or truncation that do not fit."""
    from generators.forge import Recipe
    from generators.latent.space import Space
    from generators.trained import load
    from generators.training import device_named

    trained = load(weights, device_named(device))
    recipe = Recipe(truncation=truncation, kind=kind)
    recipe.settings(trained)
    return Space(trained, recipe.label(trained))


def numbers_of(text: str, option: str) -> list[float]:
    """ "-2,0,2", or first:last:count, "-3:3:7" → numbers. Raises Refusal for anything else."""
    try:
        if ":" in text:
            first, last, count = text.split(":")
            steps = int(count)
            if not 2 <= steps <= MOST_NUMBERS:
                raise ValueError
            numbers = [float(first) + (float(last) - float(first)) * i / (steps - 1) for i in range(steps)]
        else:
            numbers = [float(part) for part in text.split(",")]
        if not (1 <= len(numbers) <= MOST_NUMBERS and all(math.isfinite(n) for n in numbers)):
            raise ValueError
    except ValueError:
        raise Refusal(f"{option} {text!r}: give numbers (-2,0,2), or first:last:count (-3:3:7)") from None
    return numbers


def check_out(out: Path) -> None:
    """Raises Refusal unless `out` can be written, and what `record` puts beside it."""
    check_file(out, "--out")
    check_file(beside(out), "--out")


def check_png(out: Path) -> None:
    """As `check_out`, and for other names than a PNG's."""
    if out.suffix.lower() != ".png":
        raise Refusal(f"--out {out}: must end in .png")
    check_out(out)


def beside(out: Path) -> Path:
    return out.with_name(out.name + ".json")


def record(out: Path, space: Space, points: Iterable[Point], settings: dict[str, Any]) -> None:
    """OUT.json: command, settings, weights and versions. What a saved w was made with is told too."""
    import torch

    from forensics import __version__

    trained = space.trained
    told = {
        "command": ["forensics", *sys.argv[1:]],
        "points": [{"name": p.name, **({"seed": p.seed} if p.w is None else {"saved": p.told})} for p in points],
        **settings,
        "class": space.kind,
        "weights": trained.sha256,
        "family": trained.family.name,
        "device": space.family.device.type,
        "versions": {"forensics": __version__, "torch": torch.__version__},
    }
    write_at_once(beside(out), json.dumps(told, indent=1) + "\n")
    strangers = [p.name for p in points if p.told.get("weights", trained.sha256) != trained.sha256]
    if strangers:
        say(f"note: {', '.join(strangers)}: w of other weights than these; their picture is another one")


@contextmanager
def shown(things: Iterable[Thing], total: int, what: str) -> Iterator[Iterator[Thing]]:
    """The same things, while a bar shows how many have come."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield bar.track(things, total=total)


def say(line: str) -> None:
    Console(stderr=True).print(Text(line), soft_wrap=True)


def names(points: Sequence[Point]) -> list[str]:
    return [point.name for point in points]


def deviations(strengths: Sequence[float]) -> list[str]:
    """What stands above pictures along a direction."""
    return ["0" if strength == 0 else f"{strength:+g} σ" for strength in strengths]
