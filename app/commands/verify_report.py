"""`forensics verify-report`: does a report that came back still say what its photo says?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forensics.recheck import Difference
    from forensics.reread import Reread

MOST = 20  # differences told one by one
LONGEST = 160  # characters of a value


def verify_report(
    file: Annotated[Path, typer.Argument(help="A report: JSON, or a case's HTML or PDF.", show_default=False)],
    photo: Annotated[
        Path | None, typer.Option(help="The photo it is on.  [default: the one kept with the saved case]")
    ] = None,
    panel: Annotated[
        Path, typer.Option(help="Folder with detector weights and their calibration.")
    ] = DETECTOR_WEIGHTS,
) -> None:
    """Examine the photo of a report anew and say whether the report still says the same.

    Exit code 0: it does, to six decimals, give or take one in the last. 1: it differs, and where. 2: it cannot be
    checked.

    What is compared is the record inside the file, not the words and pictures around it.
    """
    import hashlib

    from detectors import load_examiners
    from forensics.recheck import Difference, case_differences, differences, other_makers
    from forensics.reread import reread

    out = Console(soft_wrap=True)
    data = None if photo is None else content(photo)
    sha256 = None if data is None else hashlib.sha256(data).hexdigest()
    read = reread(file, sha256)
    for line in about(read):
        out.print(plainly(line))
    if read.report["sha256"] is None:
        raise Refusal(f"{file}: its photo could not be read when it was made: there is nothing to compare")
    if sha256 not in (None, read.report["sha256"]):
        verdict(out, [Difference("sha256 of the photo", read.report["sha256"], sha256)])
    examiners, calibration = load_examiners(panel)
    found = case_differences(read) + other_makers(read.report, examiners, calibration)
    if found:
        verdict(out, found)
    if data is None:
        data = kept(read.report["sha256"])
    if data is None:
        raise Refusal(f"{file}: weights and calibration are the same; give its photo with --photo to compare scores")
    with out.status("examining the photo"):
        found = differences(read.report, data, examiners, calibration)
    verdict(out, found, len(read.report["evidence"]))


def content(photo: Path) -> bytes:
    from forensics.photo import UnreadableImage, read_file

    try:
        return read_file(photo)
    except UnreadableImage as error:
        raise Refusal(f"--photo {photo}: {error.reason}") from None


def kept(sha256: str) -> bytes | None:
    """The photo out of the case store. None is made for that, and none that does not open is in the way."""
    from app.cases.place import place

    where = place()
    if "://" not in where and not Path(where).expanduser().is_file():
        return None
    from app.cases.case import photo
    from app.cases.store import Store

    return photo(Store.open(where), sha256)


def about(read: Reread) -> list[str]:
    """What the record says, for comparing it with the words and pictures around it."""
    report = read.report
    number = "nothing weighed" if report["log10_lr"] is None else f"log10 LR {report['log10_lr']:+.6f}"
    lines = [
        f"photo     {short(report['file'])}",
        f"sha256    {report['sha256']}",
        f"verdict   {report['conclusion'] or 'unreadable'}, {number}",
    ]
    if read.case is not None:
        own = read.case["own_conclusion"] or "none"
        lines.append(f"analyst   concluded: {short(own)}; {len(read.entries)} entries in the log")
    return lines


def verdict(out: Console, found: Sequence[Difference], compared: int = 0) -> None:
    """Say it, and end with its exit code."""
    if not found:
        out.print(
            Text.assemble(
                ("matches", "bold cyan"),
                f": the same photo, weights and calibration give the same verdict and {compared} answers",
            )
        )
        raise typer.Exit(0)
    out.print(Text.assemble(("differs", "bold magenta"), f" in {len(found)} place{'s' * (len(found) != 1)}:"))
    for one in found[:MOST]:
        out.print(plainly(f"  {short(one.where)}: {short(one.told)} in the report, {short(one.now)} now"))
    if len(found) > MOST:
        out.print(f"  and {len(found) - MOST} more")
    if all(one.slight for one in found):
        out.print("Another processor or number of threads may compute differences as small as these.")
    raise typer.Exit(1)


def short(value: object) -> str:
    said = "nothing" if value is None else str(value)
    return said if len(said) <= LONGEST else said[:LONGEST] + "…"


def plainly(text: str) -> Text:
    """What a report says must not steer the terminal."""
    encoding = sys.stdout.encoding or "utf-8"
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return Text(safe.encode(encoding, "replace").decode(encoding))
