"""`forensics bench calibration`: whether the verdict's numbers mean what they say, and what its words are worth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_folder
from app.commands.scan import load
from forensics.places import DETECTOR_WEIGHTS, RUNS

SHOWN = ("calibration", "priors", "words")  # tables that are printed; all are in the files


def calibration(
    real: Annotated[
        list[Path] | None, typer.Option(help="Folder of real photos; may be repeated.", show_default=False)
    ] = None,
    fake: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Generated pictures, and their maker.", show_default=False),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Both classes in one folder or WebDataset .tar.", show_default=False),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(help="Folder with weights and calibration.  [default: runs/detector, else what ships]"),
    ] = None,
    launder: Annotated[
        str | None, typer.Option(help="As in `forensics bench detection`.  [default: repost, with --match: match]")
    ] = None,
    match: Annotated[
        bool, typer.Option("--match", help="As in `forensics bench detection`.", show_default=False)
    ] = False,
    split: Annotated[str, typer.Option(help="test; or all, if nothing was trained on the folders.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos of each folder.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of laundering and bootstrap.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: cores]")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for tables and figure: Markdown, CSV, JSON, PNG; none is overwritten.")
    ] = RUNS / "bench",
) -> None:
    """Cllr and what of it is lost, reliability, errors at priors of 50 %, 10 % and 1 %, with 95 % intervals.

    Of the photos of `forensics bench detection`: with the same options and the same OUT, none is examined again.
    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from app.commands.bench import chosen, update
    from benchmarks.calibration import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    panel = panel or (RUNS / "detector" if (RUNS / "detector" / "calibration.json").exists() else DETECTOR_WEIGHTS)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    launder = launder or ("match" if match else "repost")
    setup = Setup(reals, fakes, launder, split, limit, seed, sets=sets, match=match)
    columns = TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        show = partial(update, bar, bar.add_task("", total=None))
        result = measure(setup, partial(load, panel.resolve()), out, workers or cores(), show)
    console = Console()
    for warning in result.warnings:
        console.print(Text(warning, style="bold"), end="\n\n")
    for name in SHOWN:
        console.print(result.table(name).as_rich(), end="\n\n")
    path = result.save(out)
    Console(stderr=True).print(
        Text(f"saved: {path} (all tables in .md and .csv, the figure in .png)"), soft_wrap=True
    )
