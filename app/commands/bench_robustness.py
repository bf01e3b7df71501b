"""`forensics bench robustness`: what is left of detectors and verdict under JPEG, resizing, re-posting and more."""

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
from forensics.refusal import Refusal

LIMIT = 60  # photos a folder, each examined sixty times: four folders take two cores a quarter of an hour
SHOWN = "families"  # the table that is printed; all are in the files


def robustness(
    real: Annotated[
        list[Path] | None, typer.Option(help="Folder of real photos; may be repeated.", show_default=False)
    ] = None,
    fake: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Generated pictures, and their maker.", show_default=False),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(help="Folder with weights and calibration.  [default: runs/detector, else what ships]"),
    ] = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Families or single ones of: jpeg, webp, resize, crop, blur, noise, screenshot, chain, repost, "
            "double; such as jpeg,crop-0.5.  [default: all]",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="test; or all, if nothing was trained on the folders.")] = "test",
    limit: Annotated[int, typer.Option(min=1, help="At most so many photos of each folder.")] = LIMIT,
    seed: Annotated[int, typer.Option(min=0, help="Of crops, noise, random trips, and bootstrap.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: cores]")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for tables and figures: Markdown, CSV, JSON, PNG; none is overwritten.")
    ] = RUNS / "bench",
) -> None:
    """AUC and TPR of each detector and the verdict under each condition, and how often the verdict flips.

    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    Interrupted, the same command goes on: scores are kept in OUT/robustness, a file a condition.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from app.commands.bench import named, update
    from benchmarks.conditions import chosen
    from benchmarks.detection import Setup, recorded_corpora
    from benchmarks.robustness import measure
    from forensics.crew import cores

    check_folder(out, "--out")
    if bool(real) != bool(fake):
        raise Refusal("pass both --real and --fake, or neither for the corpora that the detectors were trained from")
    wanted = chosen(conditions)
    panel = panel or (RUNS / "detector" if (RUNS / "detector" / "calibration.json").exists() else DETECTOR_WEIGHTS)
    reals, fakes = (tuple(real), tuple(map(named, fake))) if real else recorded_corpora(panel)
    setup = Setup(reals, fakes, "native", split, limit, seed)
    columns = TextColumn("examining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        show = partial(update, bar, bar.add_task("", total=None))
        result = measure(setup, wanted, partial(load, panel.resolve()), out / "robustness", workers or cores(), show)
    path = result.save(out)
    Console().print(result.table(SHOWN).as_rich(), end="\n\n")
    Console(stderr=True).print(Text(f"saved: {path} (all tables in .md and .csv, figures in .png)"), soft_wrap=True)
