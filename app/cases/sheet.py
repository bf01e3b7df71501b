"""Paper for a case: A4, fonts that come with a dependency, and text that is drawn as it is, never obeyed."""

from __future__ import annotations

import io
import logging
from functools import cache
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import WrapMode, XPos, YPos

from app.cases.shown import bytes_of
from forensics.shown import Picture, plain

FONT, MONO = "DejaVu", "DejaVuMono"
FILES = {(FONT, ""): "DejaVuSans.ttf", (FONT, "B"): "DejaVuSans-Bold.ttf", (MONO, ""): "DejaVuSansMono.ttf"}
MARGIN, WIDTH = 18, 174  # mm
INK, QUIET, HAIR = (27, 32, 40), (88, 96, 106), (205, 209, 214)
COLOURS = {"camera": (0, 103, 163), "generator": (184, 72, 10), "open": (91, 100, 114)}
MARK = (255, 225, 77)
HIGHEST = 80  # mm of a picture
DOT = 25.4 / 110  # mm of a pixel, for pictures that are small enough


@cache
def folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


@cache
def drawn() -> frozenset[int]:
    """The characters that all of the fonts have."""
    from fontTools.ttLib import TTFont

    return frozenset.intersection(*(frozenset(TTFont(folder() / name).getBestCmap()) for name in FILES.values()))


def legible(text: object) -> str:
    """One line; characters that the fonts lack are named, so that no two names look alike as boxes."""
    return "".join(c if ord(c) in drawn() else f"⟨U+{ord(c):04X}⟩" for c in plain(text))


def scale(shown: Picture, highest: float = HIGHEST) -> float:
    """Millimetres of a picture's pixel: as large as fits; tiny ones are enlarged."""
    dot = min(DOT, WIDTH / shown.width, highest / shown.height)
    return max(dot, min(20 / shown.width, 20 / shown.height))


class Sheet(FPDF):
    """Pages with a foot. Places and sizes are millimetres."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        logging.getLogger("fontTools.subset").setLevel(logging.WARNING)
        self.foot = legible(foot)
        for (family, style), name in FILES.items():
            self.add_font(family, style, folder() / name)
        self.set_margins(MARGIN, MARGIN)
        self.c_margin = 0
        self.set_auto_page_break(True, MARGIN + 4)
        self.set_lang("en")
        self.add_page()

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.pen(7.5, colour=QUIET)
        self.cell(WIDTH, 5, f"{self.foot} · page {self.page_no()}", align="R")

    def pen(self, size: float, bold: bool = False, colour: tuple = INK, family: str = FONT) -> None:
        self.set_font(family, "B" if bold else "", size)
        self.set_text_color(*colour)

    def say(self, text: object, size: float = 9.5, bold: bool = False, colour: tuple = INK, left: float = 0) -> None:
        """A paragraph from `left` on, over as many lines as it needs."""
        self.pen(size, bold, colour)
        self.set_x(MARGIN + left)
        self.multi_cell(WIDTH - left, size * 0.5, legible(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def heading(self, text: str, room: float = 30) -> None:
        """`room`: millimetres that must follow on the same page."""
        self.room(room)
        self.ln(6)
        self.say(text, 13, bold=True)
        self.ln(1.5)

    def lines(self, text: str) -> None:
        """Notes: their line breaks are kept."""
        for line in text.splitlines():
            self.say(line) if line.strip() else self.ln(4)

    def pairs(self, rows: tuple[tuple[str, str], ...]) -> None:
        """Names and values in two columns."""
        for name, value in rows:
            self.room(8)
            top, page = self.y, self.page
            self.pen(8.5, colour=QUIET)
            self.multi_cell(46, 4.3, legible(name), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            left_end = self.y if self.page == page else None
            self.page, self.y = page, top
            digest = len(value) == 64 and value.isalnum()
            self.pen(7.5 if digest else 8.5, family=MONO if digest else FONT)
            self.set_x(MARGIN + 48)
            self.multi_cell(
                WIDTH - 48,
                4.3,
                legible(value),
                align="L",
                wrapmode=WrapMode.CHAR,
                new_x=XPos.LMARGIN,
                new_y=YPos.NEXT,
            )
            if self.page == page and left_end is not None:
                self.y = max(self.y, left_end)
            self.ln(0.8)

    def room(self, height: float) -> None:
        """A new page where less than this is left."""
        if self.y + height > self.page_break_trigger:
            self.add_page()

    def picture(self, shown: Picture, highest: float = HIGHEST) -> tuple[float, float, float]:
        """Draw it; gives its left, its top, and the millimetres of one of its pixels."""
        dot = scale(shown, highest)
        self.room(shown.height * dot + 2)
        top = self.y
        size = shown.width * dot, shown.height * dot
        self.image(io.BytesIO(bytes_of(shown)), MARGIN, top, *size, alt_text=legible(shown.alt))
        self.y = top + size[1] + 2
        return MARGIN, top, dot
