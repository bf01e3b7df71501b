"""What `corpus prepare` writes down so that the same command goes on: settings, and a row for each photo."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from forensics import __version__
from forensics.corpus import Label
from forensics.refusal import Refusal
from forensics.saving import write_at_once, writing
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
        config = read_config(target)
        cut_before = {"crop": None, "kernel": "area"} | config["cut"]  # early ones had neither
        if cut_before != cut_now:
            before, now = (", ".join(f"{k} {c.get(k)}" for k in cut_now) for c in (cut_before, cut_now))
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
    return read_config(target)["sources"]


def read_config(target: Path) -> dict[str, Any]:
    """What a corpus was prepared with. Raises Refusal when its config.json is not as we write it."""
    path = target / "config.json"
    config = object_in(path)
    cut_, sources = config.get("cut"), config.get("sources")
    told = sources.values() if isinstance(sources, dict) else [None]
    if not isinstance(cut_, dict) or not all(
        isinstance(each, dict)
        and each.get("label") in ("real", "fake")
        and all(isinstance(each.get(key), str) for key in ("source", "maker", "domain"))
        for each in told
    ):
        raise Refusal(f"{path} is none of ours (no cut, or sources without label); choose another folder")
    return config


def object_in(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises Refusal for anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"a {type(found).__name__}, not an object")
        return found
    except (OSError, ValueError, RecursionError) as error:
        raise Refusal(f"{path} is none of ours ({error}); choose another folder") from None


def versions() -> dict[str, str]:
    return {"forensics": __version__, "numpy": np.__version__, "opencv": cv2.__version__}


def rows_of(target: Path, title: str) -> dict[str, dict]:
    """Rows of a source's journal by name in the source; a last line that an interruption cut short is removed.

    Raises Refusal for a line that is no row: an interruption cannot have left it.
    """
    path = target / NOTES / f"{title}.jsonl"
    if not path.exists():
        return {}
    whole, _, broken = path.read_bytes().rpartition(b"\n")
    if broken:
        os.truncate(path, path.stat().st_size - len(broken))
    rows = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not is_row(row):
            raise Refusal(f"{path}, line {number}: no row of ours; delete it, and its photo is prepared anew")
        rows[row["name"]] = row
    return rows


def is_row(row: object) -> bool:
    """Whether it says of a photo why it was left out, or which picture of the corpus it became."""
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        return False
    if "left_out" in row:
        return isinstance(row["left_out"], str)
    numbers = [row.get("width"), row.get("height"), row.get("pixels", 0)]  # early ones had neither pixels nor class
    texts = [row.get("path"), row.get("sha256"), row.get("likeness"), row.get("class", "")]
    if not all(type(n) is int for n in numbers) or not all(isinstance(text, str) for text in texts):
        return False
    goal = PurePosixPath(row["path"])  # copies are removed there: never outside the corpus
    return not goal.is_absolute() and ".." not in goal.parts and bool(re.fullmatch("[0-9a-f]{16}", row["likeness"]))


@contextmanager
def open_journal(target: Path, title: str) -> Iterator[Callable[[dict], None]]:
    """A function that notes a row at once; later rows of a name replace earlier ones."""
    path = target / NOTES / f"{title}.jsonl"
    with writing(path), open(path, "a", encoding="utf-8") as file:

        def note(row: dict) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        yield note
