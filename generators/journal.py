"""What `corpus prepare` writes down so that the same command goes on: settings, and a row for each photo."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from forensics import __version__
from forensics.corpus import Label
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from generators.cropping import Cut

NOTES = ".prepared"  # folder of journals, one a source


@dataclass(frozen=True)
class Origin:
    """Where the photos of one source come from."""

    label: Label = "real"
    maker: str = "camera"
    domain: str = ""
    licence: str = ""  # what the photos' owners allow


def settle_settings(target: Path, title: str, source: Path, cut_: Cut, origin: Origin) -> None:
    """Write, or compare with, the settings that a corpus was prepared with. Raises Refusal on a conflict."""
    path = target / "config.json"
    cut_now = json.loads(json.dumps(asdict(cut_)))  # lists as JSON has them
    mine = {"source": str(source.resolve()), **asdict(origin)}
    config: dict = {"cut": cut_now, "sources": {}, "versions": versions()}
    if path.exists() and (target / NOTES).is_dir():
        config = json.loads(path.read_text(encoding="utf-8"))
        cut_before = {"crop": None, "kernel": "area"} | config["cut"]  # early ones had neither
        if cut_before != cut_now:
            before, now = (", ".join(f"{k} {c[k]}" for k in cut_now) for c in (cut_before, cut_now))
            raise Refusal(f"{target} was prepared with {before}; not with {now}. Choose another folder")
        theirs = {"licence": ""} | config["sources"].get(title, mine)  # early ones had none
        if theirs != mine:
            before, now = (", ".join(f"{k} {v}" for k, v in c.items()) for c in (theirs, mine))
            raise Refusal(f"{target} already holds {title!r} ({before}), not ({now}). Choose another folder")
    elif target.exists() and {p.name for p in target.iterdir()} - {NOTES, "config.json.part"}:
        raise Refusal(f"{target} is not empty and no prepared corpus; choose a new folder")
    config["sources"][title] = mine
    (target / NOTES).mkdir(parents=True, exist_ok=True)
    write_at_once(path, json.dumps(config, indent=1))


def settled(target: Path) -> dict[str, dict]:
    """What each source of a corpus was said to be, by its title."""
    return json.loads((target / "config.json").read_text(encoding="utf-8"))["sources"]


def versions() -> dict[str, str]:
    return {"forensics": __version__, "numpy": np.__version__, "opencv": cv2.__version__}


def rows_of(target: Path, title: str) -> dict[str, dict]:
    """Rows of a source's journal by name in the source; a last line that an interruption cut short is removed."""
    path = target / NOTES / f"{title}.jsonl"
    if not path.exists():
        return {}
    whole, _, broken = path.read_bytes().rpartition(b"\n")
    if broken:
        os.truncate(path, path.stat().st_size - len(broken))
    return {row["name"]: row for row in map(json.loads, whole.splitlines())}


@contextmanager
def open_journal(target: Path, title: str) -> Iterator[Callable[[dict], None]]:
    """A function that notes a row at once; later rows of a name replace earlier ones."""
    with open(target / NOTES / f"{title}.jsonl", "a", encoding="utf-8") as file:

        def note(row: dict) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        yield note
