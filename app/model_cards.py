"""The cards beside all weights, read from the files that the engine loads, and set as HTML that can hold no surprise.

Raw HTML in a card is shown as text; links and pictures are not made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from forensics import places
from forensics.corpus import file_sha256
from forensics.evidence import Detector
from forensics.shown import plain

HASH = re.compile(r"\b[0-9a-f]{64}\b")
TERMS = re.compile(r"^Terms of the training data: (.+?)\.?$", re.M)  # of detectors
ROWS = re.compile(r"^\| *[\d,]+ *\|[^|\n]*\| *([^|\n]+?) *\|$", re.M)  # of generators: photos, set, terms


@dataclass(frozen=True)
class ModelCard:
    """One model. `sha256`: of the weights as they are loaded; None: it has none."""

    name: str
    sha256: str | None
    text: str  # Markdown; "" where there is no card

    @property
    def fits(self) -> bool:
        """Whether the card is of these very weights."""
        return self.sha256 is not None and self.sha256 in HASH.findall(self.text)

    @property
    def terms(self) -> tuple[str, ...]:
        """Of the data that it learnt from, as its card tells them."""
        found = TERMS.search(self.text)
        return tuple(dict.fromkeys(found[1].split("; ") if found else ROWS.findall(self.text)))


def of_detectors(panel: Iterable[Detector]) -> list[ModelCard]:
    return [ModelCard(d.name, d.weights, card_in(places.DETECTOR_WEIGHTS, d.name)) for d in panel]


@cache
def of_files(folder: Path) -> tuple[ModelCard, ...]:
    """Of all weights in a folder that have a card."""
    weights = sorted(folder.glob("*.safetensors"))
    return tuple(
        ModelCard(w.stem, file_sha256(w), card_in(folder, w.stem)) for w in weights if card_in(folder, w.stem)
    )


def card_in(folder: Path, name: str) -> str:
    path = folder / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def as_html(text: str) -> Markup:
    """Markdown with tables; its first heading is left away, as the page has one."""
    from markdown_it import MarkdownIt

    told = "\n".join(plain(line) for line in text.removeprefix("\ufeff").splitlines())
    told = re.sub(r"\A# .*\n", "", told)
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.disable(["image", "link", "autolink", "reference", "html_inline", "html_block"])
    return Markup(parser.render(told))
