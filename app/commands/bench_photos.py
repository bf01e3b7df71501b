"""What the commands of `forensics bench` share: which photos, which panel, progress, and where results go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from forensics.places import DETECTOR_WEIGHTS, RUNS
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from benchmarks import Watch
    from benchmarks.detection.beside import Wanted
    from benchmarks.table import Result
    from generators.trained import Trained

RESULTS = RUNS / "bench"

Out = Annotated[
    Path, typer.Option(help="Folder for tables and figures: Markdown, CSV, JSON, PNG; none is overwritten.")
]
Real = Annotated[list[Path] | None, typer.Option(help="Folder of real photos; may be repeated.", show_default=False)]
Fake = Annotated[
    list[str] | None,
    typer.Option(metavar="[NAME=]DIR", help="Generated pictures, and their maker.", show_default=False),
]
Dataset = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[NAME=]DIR",
        help="Both classes in one folder or WebDataset .tar: 0_real and 1_fake, real and fake, nature and ai.",
        show_default=False,
    ),
]
Panel = Annotated[
    Path | None, typer.Option(help="Folder with weights and calibration.  [default: runs/detector, else what ships]")
]
Split = Annotated[str, typer.Option(help="test; or all, if nothing was trained on the folders.")]
Detectors = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Only these are run and shown: of the panel, published ones, plug-ins, and verdict, which takes the "
        "whole panel.  [default: all]",
        show_default=False,
    ),
]
Published = Annotated[
    Path | None, typer.Option(help="A folder of published detectors' weights.  [default: the user's]")
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes.  [default: cores]")]


def panel_or_default(panel: Path | None) -> Path:
    run = RUNS / "detector"
    return panel or (run if (run / "calibration.json").exists() else DETECTOR_WEIGHTS)


def chosen(real: list[Path] | None, fake: list[str] | None, sets: list[str] | None, panel: Path) -> tuple:
    """Real folders, fake ones and data sets with their names; none given: what the panel was trained from."""
    from benchmarks.detection.measure import recorded_corpora

    if bool(real) != bool(fake) and not sets:
        raise Refusal(
            "pass both --real and --fake, or --dataset, or none for the corpora that the detectors were trained from"
        )
    if not (real or fake or sets):
        return (*recorded_corpora(panel), ())
    return tuple(real or ()), tuple(map(named, fake or ())), tuple(named(value, "--dataset") for value in sets or ())


def named(value: str, option: str = "--fake") -> tuple[str | None, Path]:
    """ "dcgan=fakes" → ("dcgan", fakes); a folder alone keeps its manifest's makers, or its own name."""
    name, equals, folder = value.partition("=")
    if not equals or Path(value).exists():
        return None, Path(value)
    if not name or not folder:
        raise Refusal(f"{option} {value}: write NAME=FOLDER, or FOLDER")
    return name, Path(folder)


def listed(names: str) -> tuple[str, ...]:
    """ "eyes, npr" → eyes and npr."""
    return tuple(dict.fromkeys(filter(None, map(str.strip, names.split(",")))))


def wanted(detectors: str | None, published: Path | None) -> Wanted:
    """Whose rows there are."""
    from benchmarks.detection.beside import Wanted

    names = None if detectors is None else listed(detectors)
    if published and not published.is_dir():
        raise Refusal(f"--published {published}: no such folder; `forensics detector list` says what belongs in it")
    return Wanted(names, beside=True, published=published and published.absolute())


def ours() -> list[Trained]:
    """The families that ship. Standard error is told of those whose weights are not here."""
    from benchmarks.lineage.scores import shipped

    trained, missing = shipped()
    for name in missing:
        text = Text(f"left out: {name}, whose weights are not here (make weights)")
        Console(stderr=True).print(text, soft_wrap=True)
    return trained


@contextmanager
def stages(doing: str = "") -> Iterator[Watch]:
    """A bar while one thing after another is done; what it gives is told (doing, done, total)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda doing, done, total: bar.update(task, description=doing, completed=done, total=total)


@contextmanager
def progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar while photos are examined; what it gives is told (done, total)."""
    with stages(doing) as watch:
        yield partial(watch, doing)


def finish(result: Result, out: Path, shown: Sequence[str] = ()) -> None:
    """Files in `out`; on standard output the tables of these names, all by default."""
    console = Console()
    for warning in result.warnings:
        console.print(Text(warning, style="bold"), end="\n\n")
    for table in result.tables:
        if not shown or table.name in shown:
            console.print(table.as_rich(), end="\n\n")
    path = result.save(out)
    beside = "all tables and figures beside it" if shown else "and .md, .csv beside it"
    Console(stderr=True).print(Text(f"saved: {path} ({beside})"), soft_wrap=True)
