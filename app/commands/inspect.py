"""`forensics inspect`: photos in, verdicts out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.commands.outputs import check_file, check_folder
from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal
from forensics.saving import write_at_once

if TYPE_CHECKING:
    from forensics.report import Report

STYLE = {
    "supports_generated": "bold magenta",
    "supports_edited": "bold magenta",
    "declared_generated_verified": "bold magenta",
    "declared_generated_unverified": "magenta",
    "supports_camera": "bold cyan",
    "inconclusive": "yellow",
    "unreadable": "red",
}


def inspect(
    files: Annotated[list[Path], typer.Argument(help="Photos to inspect.", show_default=False)],
    json: Annotated[
        str | None, typer.Option(help="Write the reports as JSON to this file; - = standard output.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write one HTML report a photo into this folder.")] = None,
    stability: Annotated[
        bool,
        typer.Option(
            "--stability",
            help="Weigh again after each of twelve re-postings (JPEG, WebP, resized, cropped, screenshot): a verdict "
            "that one of them turns round becomes inconclusive. Takes some twelve times as long.",
        ),
    ] = False,
    panel: Annotated[
        Path, typer.Option(help="Folder with detector weights and their calibration.")
    ] = DETECTOR_WEIGHTS,
) -> None:
    """Inspect photos: a verdict each, with the evidence behind it.

    Exit code 0 when every photo got a verdict, 2 when one was unreadable (the others still get theirs).
    """
    from detectors import load_examiners
    from forensics.inspection import inspect_file
    from forensics.page import write_html
    from forensics.report import as_json
    from forensics.stability import REPOSTINGS

    if json and json != "-":
        check_file(Path(json), "--json")
    if html:
        check_folder(html, "--html")
    console = Console(stderr=json == "-")
    examiners, calibration = load_examiners(panel)
    table = verdict_table()
    reports = []
    with console.status("inspecting") as status:
        for file in files:
            status.update(f"inspecting {escape(str(file))}")
            report = inspect_file(file, examiners, calibration, repostings=REPOSTINGS if stability else ())
            reports.append(report)
            add_row(table, report)
    console.print(table)
    if json == "-":
        sys.stdout.write(as_json(reports))
        sys.stdout.flush()  # here, where a full disk is still told of
    elif json:
        write_text(Path(json), as_json(reports))
    for report in reports if html else ():
        console.print(Text(f"report: {write_html(report, html)}"), soft_wrap=True)
    if any(report.status == "unreadable" for report in reports):
        raise typer.Exit(2)


def verdict_table() -> Table:
    table = Table(show_lines=True, expand=True)
    table.add_column("photo", overflow="fold", ratio=2)
    table.add_column("log10 LR", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold", ratio=5)
    return table


def add_row(table: Table, report: Report) -> None:
    """One line a photo; an unreadable one shows its reason where the words would be."""
    verdict = report.verdict
    conclusion = str(verdict.conclusion) if verdict else "unreadable"
    log10_lr = "" if verdict is None or verdict.log10_lr is None else f"{verdict.log10_lr:+.2f}"
    words = verdict.words if verdict else report.reason
    said = f"[{STYLE[conclusion]}]{conclusion.replace('_', ' ')}[/]\n{escape(printable(words))}"
    table.add_row(escape(printable(report.file)), log10_lr, said)


def printable(text: str) -> str:
    """File names may hold control characters that would steer the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def write_text(path: Path, text: str) -> None:
    """All of it or nothing. Raises Refusal where it cannot be written: the disk may be full by now."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_at_once(path, text)
    except OSError as error:
        raise Refusal(f"{path}: cannot be written ({error.strerror}); choose another file") from None
