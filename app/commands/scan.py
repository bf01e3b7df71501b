"""`forensics scan`: a folder in, one Parquet file out, one row a file. Both may be at an address, such as S3."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.commands.outputs import check_folder
from app.commands.pace import Pace
from forensics.engine import Engine
from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal

EngineChoice = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="local: processes of this machine; ray: actors of the Ray cluster that RAY_ADDRESS names, where all "
        "see the same files or may read the same address, else of one started here. The same results.",
    ),
]


def scan(
    folder: Annotated[
        str,
        typer.Argument(
            help="Everything in it and below it is inspected. Also s3://BUCKET/PHOTOS, zip://::PHOTOS.zip, or what "
            "else fsspec reaches; its environment variables say who you are.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option(help="The result: a .parquet file or its address, one row a file.")
    ] = "results.parquet",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes, one core and one copy of the models each.  [default: cores]")
    ] = None,
    panel: Annotated[
        Path, typer.Option(help="Folder with detector weights and their calibration.")
    ] = DETECTOR_WEIGHTS,
    engine: EngineChoice = Engine.LOCAL,
    parts: Annotated[
        Path | None,
        typer.Option(
            help="With an address for --out: the folder of this machine that keeps finished rows until all are "
            "there.  [default: in the user's cache]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Inspect all files below a folder, into a Parquet file.

    Interrupted (Ctrl-C, power cut), the same command goes on where it stopped.
    Files that are no photos get a row too, with status `unreadable` and the reason.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from forensics.crew import cores
    from forensics.far import Far, place
    from forensics.far_ledger import cache
    from forensics.scan import scan as run

    target = place(out)
    if isinstance(target, Far):
        if target.url.startswith("memory://"):
            raise Refusal(f"--out {out}: what lies in memory would end with this command; give a file or an address")
        check_folder(parts or cache(), "--parts")
    elif parts:
        raise Refusal(f"--parts {parts} goes with an --out at an address; those of a file lie beside it")
    else:
        check_folder(target.parent, "--out")
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
        pace = Pace()

        def watch(done: int, total: int, kept: int) -> None:
            if not pace.row(done, kept):
                bar.update(task, description="checking earlier rows", total=total, completed=done)
                return
            bar.update(task, description="scanning", total=total, completed=done, rate=f"{pace.rate:.1f} a second")
            if not console.is_terminal and (line := pace.line(total)):
                console.print(line, highlight=False, soft_wrap=True)

        try:
            hold = partial(load, panel.resolve())
            summary = run(place(folder), target, hold, workers or cores(), watch, engine=engine, parts=parts)
        except KeyboardInterrupt:
            bar.stop()
            if pace.done:
                console.print(f"{pace.done:,} rows are kept; the same command goes on from there", highlight=False)
            raise
    report(summary, out, Console())


def load(panel: Path):
    """Panel and calibration, in a worker."""
    from detectors import load_examiners

    return load_examiners(panel)


def report(summary, out: str, console) -> None:
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
    console.print(f"{escape(printable(out))}: {summary.rows:,} rows{kept}", highlight=False, soft_wrap=True)
