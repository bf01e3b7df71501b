"""A case as a PDF: verdict, photo, evidence with its exhibits, conclusion, notes, log; and the record attached."""

from __future__ import annotations

from datetime import datetime

from app.cases.dossier import Dossier, compact, told
from app.cases.sheet import COLOURS, HAIR, INK, MARGIN, MARK, MONO, QUIET, WIDTH, Sheet, legible
from app.cases.sheet import scale as dots
from forensics.page import position
from forensics.shown import Item, Page, Picture, says, signed
from forensics.verdict import CONCLUSIVE

RECORD = "record.json"
PHOTO = 130  # mm that the photo may be high


def as_pdf(dossier: Dossier) -> bytes:
    case, page = dossier.case, dossier.page
    sheet = Sheet(f"Case {case.number}, {case.sha256[:16]}, exported {moment(dossier.exported)} UTC")
    sheet.set_title(legible(f"Case {case.number}: {case.file}"))
    sheet.set_creation_date(datetime.fromisoformat(dossier.exported))
    sheet.say(f"Photo inspection report · case {case.number}", 9, colour=QUIET)
    sheet.ln(2)
    verdict(sheet, page)
    own(sheet, dossier)
    if page.picture:
        photo(sheet, page, page.picture)
    if page.items:
        first = page.items[0].exhibit
        sheet.heading("Evidence, strongest first", 55 + (first.height * dots(first) if first else 0))
    for item in page.items:
        evidence(sheet, item)
    if page.stability and page.stability.copies:
        sheet.heading("After re-posting")
        sheet.say(page.stability.words)
        copies = (page.stability.original, *page.stability.copies)
        sheet.pairs(tuple((c.name, f"{number(c.log10_lr)}, {c.conclusion.replace('_', ' ')}") for c in copies))
    log(sheet, dossier)
    sheet.heading("The file")
    sheet.pairs(page.facts)
    if page.metadata:
        sheet.heading("What the file says of itself")
        sheet.pairs(page.metadata)
    sheet.heading("Made with")
    sheet.pairs(page.versions)
    sheet.embed_file(bytes=compact(dossier).encode("ascii"), basename=RECORD, desc="The record of this case")
    return bytes(sheet.output())


def moment(time: str) -> str:
    return time[:19].replace("T", " ")


def number(log10_lr: float | None) -> str:
    return "–" if log10_lr is None else signed(log10_lr)


def verdict(sheet: Sheet, page: Page) -> None:
    """The card: conclusion, words, number on the scale, grounds."""
    top = sheet.y
    sheet.say(page.file, 9, colour=QUIET, left=5)
    sheet.ln(0.8)
    sheet.say(page.heading, 15, bold=True, left=5)
    sheet.ln(1)
    sheet.say(page.words, 10, left=5)
    if page.reason is None:
        scale(sheet, page)
    sheet.set_fill_color(*COLOURS[page.leaning if page.leaning in COLOURS else "open"])
    if sheet.page == 1:
        sheet.rect(MARGIN, top, 1.6, sheet.y - top, "F")
    for title, lines in (("What it is based on", page.based_on), ("What would change it", page.would_change)):
        if lines:
            sheet.ln(2.5)
            sheet.say(title, 8.5, bold=True, colour=QUIET)
        for line in lines:
            sheet.say(f"• {line}", 9)


def scale(sheet: Sheet, page: Page) -> None:
    """From −4, a camera, to +4, a generator, as on the screen."""
    left, width = MARGIN + 12, WIDTH - 24

    def at(value: float) -> float:
        return left + width * position(value) / 100

    sheet.room(34)
    sheet.ln(3)
    sheet.pen(8, bold=True, colour=COLOURS["camera"])
    sheet.set_x(MARGIN + 5)
    sheet.cell((WIDTH - 5) / 2, 4, "← a camera took it")
    sheet.set_text_color(*COLOURS["generator"])
    sheet.cell((WIDTH - 5) / 2, 4, "a generator made it →", align="R")
    top = sheet.y + 10
    sheet.set_fill_color(228, 230, 233)
    sheet.rect(at(-CONCLUSIVE), top, at(CONCLUSIVE) - at(-CONCLUSIVE), 8, "F")
    sheet.set_draw_color(*INK)
    sheet.line(left, top + 8, left + width, top + 8)
    for tick in range(-4, 5):
        sheet.pen(7, colour=QUIET)
        sheet.set_xy(at(tick) - 8, top + 8.5)
        sheet.cell(16, 4, signed(tick).removesuffix(".00") if tick else "0", align="C")
    if page.log10_lr is not None:
        sheet.set_fill_color(*COLOURS[page.leaning if page.leaning in COLOURS else "open"])
        sheet.rect(at(page.log10_lr) - 0.6, top - 1, 1.2, 9, "F")
        sheet.pen(9, bold=True)
        sheet.set_xy(at(page.log10_lr) - 12, top - 6)
        sheet.cell(24, 4.5, signed(page.log10_lr), align="C")
    sheet.set_y(top + 14)
    told = "nothing could be weighed" if page.log10_lr is None else signed(page.log10_lr)
    sheet.say(
        f"log10 likelihood ratio: {told}. Between −1 and +1 is inconclusive. It says how much likelier this evidence "
        "is under one explanation than under the other, not how likely the photo is to be either.",
        7.5,
        colour=QUIET,
        left=5,
    )


def own(sheet: Sheet, dossier: Dossier) -> None:
    case = dossier.case
    sheet.heading("The analyst’s own conclusion")
    sheet.say(dossier.concluded, bold=bool(case.own_conclusion))
    sheet.lines(case.own_reason)
    sheet.heading("Notes")
    sheet.lines(case.notes or "None.")


def photo(sheet: Sheet, page: Page, picture: Picture) -> None:
    sheet.heading("The photo", 20 + picture.height * dots(picture, PHOTO))
    left, top, dot = sheet.picture(picture, PHOTO)
    wide, high = picture.width * dot / page.size[0], picture.height * dot / page.size[1]
    after = sheet.y
    for numbered in page.marks:
        mark = numbered.mark
        box = left + mark.left * wide, top + mark.top * high, mark.width * wide, mark.height * high
        for colour, thick in ((INK, 0.7), (MARK, 0.4)):
            sheet.set_draw_color(*colour)
            sheet.set_line_width(thick)
            sheet.rect(*box)
        sheet.set_fill_color(*MARK)
        sheet.pen(6, bold=True)
        sheet.set_xy(box[0], max(top, box[1] - 3))
        sheet.cell(4.4, 3, str(numbered.number), align="C", fill=True)
    sheet.set_line_width(0.2)
    sheet.set_y(after)
    if page.marks:
        sheet.say("  ".join(f"{n.number} {n.mark.label}" for n in page.marks), 8, colour=QUIET)


def evidence(sheet: Sheet, item: Item) -> None:
    sheet.room(38 + (item.exhibit.height * dots(item.exhibit) if item.exhibit else 0))
    sheet.ln(2)
    sheet.set_draw_color(*HAIR)
    sheet.line(MARGIN, sheet.y, MARGIN + WIDTH, sheet.y)
    sheet.ln(2)
    sheet.say(item.question, 10.5, bold=True)
    part = "not weighed" if item.part is None else f"{signed(item.part)} in log10 units"
    sheet.say(f"{item.detector}: {part}", 8, colour=QUIET)
    if item.claim:
        sheet.say(f"The file says: {says(item.claim)}", bold=True)
    sheet.say(item.finding)
    if item.marks:
        sheet.say("Where to look: " + ", ".join(f"{n.number} {n.mark.label}" for n in item.marks), 8, colour=QUIET)
    if item.exhibit:
        sheet.ln(1)
        sheet.picture(item.exhibit)
    for caveat in item.caveats:
        sheet.say(f"• {caveat}", 8, colour=QUIET)


def log(sheet: Sheet, dossier: Dossier) -> None:
    sheet.heading(f"Case {dossier.case.number}: {dossier.state}")
    sheet.say(dossier.chain, bold=dossier.broken is not None)
    for entry in dossier.entries:
        sheet.room(12)
        sheet.ln(1.2)
        sheet.say(f"{entry.number}. {moment(entry.time)} UTC · {entry.who} · {entry.what}", 8.5, bold=True)
        for line in (row for one in told(entry) for row in one.splitlines()):
            sheet.say(line, 8, left=5)
        sheet.pen(6.5, colour=QUIET, family=MONO)
        sheet.set_x(MARGIN + 5)
        sheet.cell(WIDTH - 5, 3.4, f"sha256 {entry.sha256}")
        sheet.ln(3.6)
    sheet.ln(1)
    sheet.say(
        "Names in the log are as they were given. The record attached to this file is checked by: "
        "forensics verify-report FILE --photo PHOTO",
        7.5,
        colour=QUIET,
    )
