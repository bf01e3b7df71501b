"""`forensics scan`: a folder in, one Parquet file out, one row a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from app.commands.outputs import check_folder
from forensics.engine import Engine
from forensics.places import DETECTOR_WEIGHTS

EngineChoice = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="local: processes of this machine; ray: actors of the Ray cluster that RAY_ADDRESS names, where all "
        "see the same files, else of one started here. The same results.",
    ),
]


def scan(
    folder: Annotated[Path, typer.Argument(help="Everything in it and below it is inspected.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The result: a .parquet file, one row a file.")] = Path("results.parquet"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, one core and one copy of the models each.  [default: cores]")
    ] = None,
    panel: Annotated[
        Path, typer.Option(help="Folder with detector weights and their calibration.")
    ] = DETECTOR_WEIGHTS,
    engine: EngineChoice = Engine.LOCAL,
) -> None:
    """Inspect all files below a folder, into a Parquet file.

    Interrupted (Ctrl-C, power cut), the same command goes on where it stopped.
    Files that are no photos get a row too, with status `unreadable` and the reason.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from forensics.crew import cores
    from forensics.scan import scan as run

    check_folder(out.parent, "--out")
    console = Console(stderr=True)
    columns = (
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("loading the models", total=None, rate="")
        shown, first, since = 0, 0, 0.0  # the rate counts from the first new row: loading is not scanning

        def watch(done: int, total: int, kept: int) -> None:
            nonlocal shown, first, since
            shown = done
            if done == kept:
                bar.update(task, description="checking earlier rows", total=total, completed=done)
                return
            since = since or monotonic()
            first = first or done
            rate = (done - first) / max(monotonic() - since, 1e-3)
            bar.update(task, description="scanning", total=total, completed=done, rate=f"{rate:.1f} a second")

        try:
            summary = run(folder, out, partial(load, panel.resolve()), workers or cores(), watch, engine=engine)
        except KeyboardInterrupt:
            bar.stop()
            if shown:
                console.print(f"{shown:,} rows are kept; the same command goes on from there", highlight=False)
            raise
    report(summary, out, Console())


def load(panel: Path):
    """Panel and calibration, in a worker."""
    from detectors import load_examiners

    return load_examiners(panel)


def report(summary, out: Path, console) -> None:
    """What came of it: conclusions counted, unreadable files by reason, and what was not looked at."""
    from rich.markup import escape
    from rich.table import Table

    from app.commands.inspect import STYLE, printable

    counts = {**summary.conclusions, "unreadable": sum(summary.reasons.values())}
    table = Table("conclusion", "files")
    table.columns[1].justify = "right"
    for name in STYLE:
        if counts.get(name):
            table.add_row(f"[{STYLE[name]}]{name.replace('_', ' ')}[/]", f"{counts[name]:,}")
    console.print(table)
    for reason, n in sorted(summary.reasons.items(), key=lambda item: -item[1])[:5]:
        console.print(f"unreadable: {n:,} × {escape(printable(reason))}", highlight=False, soft_wrap=True)
    for place in summary.passed_over[:5]:
        console.print(f"not looked at: {escape(printable(place))}", highlight=False, soft_wrap=True)
    if len(summary.passed_over) > 5:
        console.print(f"not looked at: {len(summary.passed_over) - 5:,} more", highlight=False)
    kept = f", {summary.kept:,} of them from before" if summary.kept else ""
    console.print(f"{escape(str(out))}: {summary.rows:,} rows{kept}", highlight=False, soft_wrap=True)
