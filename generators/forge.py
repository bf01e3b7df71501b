"""A trained generator and seeds become a corpus of fakes that declare themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from forensics import __version__
from forensics.corpus import MANIFEST, Corpus, Entry, read_manifest, with_splits
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once
from generators.declare import FORMATS, declared
from generators.trained import Trained

MOST_SEEDS = 10_000_000


def forge(
    trained: Trained,
    seeds: Iterable[int],
    out: Path,
    kind: str = "png",
    progress: Callable[[int], None] = lambda done: None,
) -> Corpus:
    """Write the picture of each seed to `out`, with manifest and config; pictures already there stay.

    A seed's picture is the same whatever it is made together with. Raises Refusal when `out` holds
    something else.
    """
    if kind not in FORMATS:
        raise Refusal(f"--format {kind}: must be one of {', '.join(FORMATS)}")
    told = {"weights": trained.sha256, "format": kind, "trained": trained.told}
    settle_config(out, told)
    rows = {e.path: e for e in read_manifest(out / MANIFEST)} if (out / MANIFEST).exists() else {}
    for number, seed in enumerate(seeds, start=1):
        path = out / f"{seed:06d}.{kind}"
        if path.name not in rows:
            if not path.exists():
                with at_once(path) as part:
                    part.write_bytes(declared(trained.picture(seed), trained.software, kind))
            rows[path.name] = entry_of(path, seed, trained)
        progress(number)
    corpus = Corpus(out, with_splits(rows[name] for name in sorted(rows)))
    corpus.save()
    return corpus


def entry_of(path: Path, seed: int, trained: Trained) -> Entry:
    side = trained.family.config.resolution
    return Entry(
        path=path.name,
        label="fake",
        maker=trained.family.name,
        domain=trained.told.get("domain", ""),
        group=f"seed {seed}",
        width=side,
        height=side,
        sha256=sha256(path.read_bytes()).hexdigest(),
        seed=str(seed),
        source=f"{trained.family.name} {trained.sha256[:12]}",
    )


def settle_config(out: Path, told: dict[str, Any]) -> None:
    path = out / "config.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        odd = [key for key, value in told.items() if before.get(key) != value]
        if odd:
            raise Refusal(f"{out} holds other pictures ({', '.join(odd)} differ); choose another --out")
        return
    if out.exists() and any(out.iterdir()):
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
