"""A report as one HTML file: no script, nothing fetched from anywhere, safe whatever the file claims of itself.

File names and metadata are hostile: Jinja escapes everything, and every string goes through `plain`,
which names control and direction-changing characters instead of obeying them.

The templates' own words are asked for as `say(key, english, **fields)`: the app says them in the visitor's language.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path, PurePath

from forensics.refusal import Refusal
from forensics.report import Report
from forensics.saving import write_at_once
from forensics.shown import Page, page_of, plain, says, signed
from forensics.verdict import CONCLUSIVE

Say = Callable[..., str]
REACH = 4.0  # the scale is drawn from -4 to +4


def as_written(key: str, english: str, **fields: object) -> str:
    """The template's own English."""
    return english.format(**fields) if fields else english


def position(value: float) -> float:
    """Where a log10 LR stands on the scale: percent from its left end."""
    return round((min(max(value, -REACH), REACH) + REACH) / (2 * REACH) * 100, 3)


@cache
def templates():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: value if isinstance(value, Markup) else plain(value),
    )
    environment.globals.update(signed=signed, position=position, reach=REACH, conclusive=CONCLUSIVE, says=says)
    environment.globals.update(say=as_written, language="en")
    return environment


def part(name: str, *shown: object, say: Say = as_written) -> str:
    """One part of the page ("verdict", "photo", "evidence", ...: the macros of parts.html) as HTML."""
    return str(getattr(templates().get_template("parts.html").make_module({"say": say}), name)(*shown))


def as_html(report: Report) -> str:
    """The whole report as one self-contained HTML document."""
    return page_html(page_of(report))


def page_html(page: Page, say: Say = as_written, language: str = "en") -> str:
    return templates().get_template("page.html").render(page=page, say=say, language=language)


def file_name(report: Report, suffix: str = ".html") -> str:
    """A safe name of its own for each photo: its stem, and the start of its SHA-256."""
    stem = re.sub(r"[^\w-]+", "_", PurePath(report.file).stem).strip("_-")[:50] or "photo"
    digest = report.sha256 or hashlib.sha256(report.file.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{stem}-{digest[:8]}{suffix}"


def write_html(report: Report, folder: Path) -> Path:
    """Write a report's page into `folder` (made if need be); gives the file's path. Raises Refusal if it cannot."""
    path = folder / file_name(report)
    page = as_html(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_at_once(path, page)
    except OSError as error:
        raise Refusal(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
    return path
