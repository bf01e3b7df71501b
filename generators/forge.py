"""A trained generator and seeds become a corpus of fakes that declare themselves."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from forensics import __version__
from forensics.corpus import MANIFEST, Corpus, Entry, file_sha256, read_manifest, with_splits
from forensics.crew import Crew, Lost
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once
from generators.declare import QUALITY, check_format, declared
from generators.journal import object_in
from generators.trained import Trained, load

MOST_SEEDS = 10_000_000
FURTHEST = 2.0  # of truncation, either way


@dataclass(frozen=True)
class Recipe:
    """What is made of each seed."""

    format: str = "png"
    quality: int | None = None  # of JPEG, 1 to 100; None: 95
    truncation: float = 1.0  # below 1: likelier and less varied, where the family truncates
    kind: str | None = None  # a class by name or number; None: the seed's own, where the family has classes

    def settings(self, trained: Trained) -> dict[str, Any]:
        """As config.json tells them. Raises Refusal for what this generator or format cannot do."""
        name = trained.family.name
        check_format(self.format, trained.channels)
        if self.quality is not None and self.format != "jpg":
            raise Refusal(f"--quality {self.quality} is for --format jpg; {self.format} is lossless")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise Refusal(f"--quality {self.quality}: must be 1 to 100")
        if not (math.isfinite(self.truncation) and abs(self.truncation) <= FURTHEST):
            raise Refusal(f"--truncation {self.truncation}: must be {-FURTHEST:g} to {FURTHEST:g}; 1 is none")
        if self.truncation != 1 and not trained.family.truncates:
            raise Refusal(f"{name} cannot truncate; leave --truncation away, it is for style-based families")
        return {
            "format": self.format,
            "encoding": encoding(self.format, self.quality),
            "truncation": self.truncation,
            "class": None if self.kind is None else trained.classes[self.label(trained)],
        }

    def label(self, trained: Trained) -> int | None:
        """Column of the chosen class; None where none was chosen."""
        classes, kind = trained.classes, self.kind
        if kind is None:
            return None
        if not classes:
            raise Refusal(f"{trained.family.name} has no classes here; leave --class {kind} away")
        if kind in classes:
            return classes.index(kind)
        if kind.isdecimal() and int(kind) < len(classes):
            return int(kind)
        some = ", ".join(classes[:8]) + (", ..." if len(classes) > 8 else "")
        raise Refusal(f"--class {kind}: must be 0 to {len(classes) - 1}, or one of {some}")


def encoding(format: str, quality: int | None = None) -> str:
    return f"quality {quality or QUALITY}, 4:4:4" if format == "jpg" else "lossless"


# What folders do not tell that were forged before these were.
UNTOLD = {"truncation": 1.0, "class": None, "device": "cpu", "photos": None}


def forge(
    trained: Trained,
    seeds: Iterable[int],
    out: Path,
    recipe: Recipe = Recipe(),
    progress: Callable[[int], None] = lambda done: None,
    workers: int = 1,
) -> Corpus:
    """Write the picture of each seed to `out`, with manifest and config; pictures already there stay.

    A seed's picture is the same whatever it is made together with, and however many `workers`, processes
    on the CPU, share the seeds. Stopped, it leaves a manifest of what is there; files that are not what it
    tells are made anew. Raises Refusal when `out` holds something else, and for a recipe that this generator
    cannot follow.
    """
    device = trained.family.device.type
    if workers > 1 and device != "cpu":
        raise Refusal(f"--workers {workers} is for the CPU; --device {device} needs none")
    told = {"weights": trained.sha256, **recipe.settings(trained), "device": device, "trained": trained.told}
    settle_config(out, told | {"photos": None})
    rows = already_in(out)
    wanted = list(dict.fromkeys(seeds))
    todo = [seed for seed in wanted if file_name(seed, recipe) not in rows]
    try:
        for number, entry in enumerate(made(trained, todo, out, recipe, workers), len(wanted) - len(todo) + 1):
            rows[entry.path] = entry
            progress(number)
    finally:
        corpus = Corpus(out, with_splits(rows[name] for name in sorted(rows)))
        corpus.save()
    return corpus


def already_in(out: Path) -> dict[str, Entry]:
    """Entries, by path, of the pictures that are in a folder, as they were written: files with the manifest's hash.

    What a killed process left without a row is not among them, nor what somebody else put there or cut short.
    """
    rows = read_manifest(out / MANIFEST) if (out / MANIFEST).exists() else ()
    return {entry.path: entry for entry in rows if entry.sha256 and file_sha256(out / entry.path) == entry.sha256}


def made(trained: Trained, seeds: list[int], out: Path, recipe: Recipe, workers: int) -> Iterator[Entry]:
    """The pictures' entries, in the order in which they are done."""
    if workers == 1:
        yield from (one(out, recipe, trained, seed) for seed in seeds)
        return
    with Crew(partial(same, trained.weights, trained.sha256), workers) as crew:
        for seed, entry in crew.map(partial(one, out, recipe), seeds):
            if isinstance(entry, Lost):
                raise Refusal(f"seed {seed} was not made: {entry.why}; fewer --workers need less memory")
            yield entry


def same(weights: Path, fingerprint: str) -> Trained:
    """What a worker holds."""
    trained = load(weights)
    if trained.sha256 != fingerprint:
        raise Refusal(f"{weights} changed while it was used; start again")
    return trained


def one(out: Path, recipe: Recipe, trained: Trained, seed: int) -> Entry:
    """Make the picture of a seed; its entry."""
    path, label = out / file_name(seed, recipe), recipe.label(trained)
    pixels = trained.picture(seed, recipe.truncation, label)
    data = declared(pixels, trained.software, recipe.format, recipe.quality or QUALITY)
    with at_once(path) as part:
        part.write_bytes(data)
    height, width = trained.family.size
    kind = trained.classes[trained.label_of(seed) if label is None else label] if trained.classes else ""
    return Entry(
        path=path.name,
        label="fake",
        maker=trained.family.name,
        domain=trained.told.get("domain", ""),
        group=f"seed {seed}",
        width=width,
        height=height,
        sha256=sha256(data).hexdigest(),
        seed=str(seed),
        source=f"{trained.family.name} {trained.sha256[:12]}",
        kind=kind,
        weights=trained.sha256,
        truncation=f"{recipe.truncation:g}" if trained.family.truncates else "",
    )


def file_name(seed: int, recipe: Recipe) -> str:
    return f"{seed:06d}.{recipe.format}"


def settle_config(out: Path, told: dict[str, Any]) -> None:
    """Write config.json, or compare with what the pictures in `out` were made with. Raises Refusal on a conflict."""
    path = out / "config.json"
    if path.exists():
        before = object_in(path)
        before = {**UNTOLD, "encoding": encoding(before.get("format")), **before}
        odd = [key for key, value in told.items() if before.get(key) != value]
        if odd:
            raise Refusal(f"{out} holds other pictures ({', '.join(odd)} differ); choose another --out")
        return
    if out.exists() and any(path.suffix != ".part" for path in out.iterdir()):  # a killed process leaves such
        raise Refusal(f"{out} is not empty and no folder of forged pictures; choose a new one")
    out.mkdir(parents=True, exist_ok=True)
    versions = {"torch": torch.__version__, "forensics": __version__}
    write_at_once(path, json.dumps({**told, "versions": versions}, indent=1))


def seeds_of(text: str) -> list[int]:
    """ "0-499,600" → [0, 1, ..., 499, 600]. Raises Refusal for anything else."""
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?", part)
        if not match:
            raise Refusal(f"--seeds {text!r}: {part!r} is no seed; give numbers and ranges, e.g. 0-499,600")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise Refusal(f"--seeds {text!r}: {part!r} runs backwards")
        if last - first + len(seeds) >= MOST_SEEDS:
            raise Refusal(f"--seeds {text!r}: at most {MOST_SEEDS:,} seeds at once")
        seeds.update(dict.fromkeys(range(first, last + 1)))
    return list(seeds)
