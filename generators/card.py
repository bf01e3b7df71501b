"""The card that goes with a generator's weights: what made them, from which photos, and what was looked at.

Measured on the pictures of seeds 0-299, all families alike: in how many a face is found; and how near they are
to photos of the corpus, beside how near photos are to each other. A generator that had learned photos by heart
would be much nearer.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from forensics.corpus import Corpus
from forensics.face import find_faces
from generators.photos import Photos
from generators.snapshots import read_config
from generators.trained import Trained

SEEN = 300  # pictures, and photos, that are looked at
THUMBNAIL = 16  # px at which pictures are compared
LEAST = 256  # px: what the face finder is given; it misses faces of 32 px


def card(trained: Trained, run: Path, corpus: Corpus, photos: Photos) -> str:
    """Markdown about exported weights. `run`: the training; `corpus`, `photos`: what it learned from, decoded."""
    told, config, paper = trained.told, read_config(run), trained.family.paper
    high, wide = trained.family.size
    pictures = [trained.picture(seed) for seed in range(SEEN)]
    sample = list(photos.pixels[np.random.default_rng(0).permutation(len(photos))[:SEEN]])
    near, apart = nearest(pictures, photos.pixels), nearest(sample, photos.pixels, among=True)
    average = sum(p.numel() for p in trained.family.average.parameters())
    rows = {
        "made": f"{config['time']}, {on(config)}, {config['precision']}",
        "file": f"{trained.weights.stat().st_size / 2**20:.1f} MiB, matrices as float16; sha256 `{trained.sha256}`",
        "preset": f"`{config['preset']}`, {average:,} parameters",
        "seen": f"{told['images_seen']:,} photos, {told['step']:,} steps of {config['batch']}, seed {config['seed']}",
        "corpus": f"{len(photos):,} photos; fingerprint `{photos.sha256}`",
        "versions": ", ".join(f"{name} {version}" for name, version in config["versions"].items()),
    }
    start, inherited = config.get("start_file") or config.get("start"), []
    if start:
        first = Path(start).parent.parent.name  # RUN/snapshots/FILE
        rows["start"] = f"the weights of `{first}`"
        inherited = [
            "",
            f"It started from weights of `{first}`, whose photos `{first}.md` names: their terms hold here too.",
        ]
    lines = [
        f"# {trained.weights.name}",
        "",
        f"The averaged generator of {trained.family.name}: faces of nobody, {wide}x{high} pixels.",
        f"{paper.authors} {paper.year}, *{paper.title}*, {paper.url}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        "## Data and what its owners allow",
        "",
        "| photos | set | terms |",
        "|---|---|---|",
        *(f"| {n:,} | {name} | {terms} |" for (name, terms), n in sets(corpus).items()),
        *inherited,
        "",
        "The code is Apache-2.0. **These weights are for non-commercial research only**, where their training data",
        "are. No photo of these sets is in the file; faces that resemble people of the sets cannot be excluded.",
        "",
        "## Again",
        "",
        "    make weights DATA=folder",
        "",
        "## Limits",
        "",
        f"- The face finder sees a face in {with_face(pictures)} of the pictures of seeds 0-{SEEN - 1}, and in "
        f"{with_face(sample)} of {len(sample)} photos of the corpus.",
        f"- Nearest photo of a picture, at {THUMBNAIL}x{THUMBNAIL} px, root mean square in grey levels: median "
        f"{np.median(near):.0f}, 1 % under {np.quantile(near, 0.01):.0f}; of a photo, another one: "
        f"{np.median(apart):.0f} and {np.quantile(apart, 0.01):.0f}.",
        "- The split of the corpus was not kept apart: a photo of any split may have been learned from.",
        "- Foreheads sometimes end in a mirrored fringe: tight photos were mirrored at their border.",
        f"- Fakes of this generator say little about others: a detector that knows them knows {trained.family.name}.",
        "",
    ]
    return "\n".join(line for part in lines for line in wrapped(part))


def on(config: dict[str, Any]) -> str:
    threads = config["threads"]
    return f"{threads} core{'s' * (threads > 1)} of a CPU" if config["device"] == "cpu" else "a CUDA device"


def wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 116, subsequent_indent="  ") if line.startswith("- ") else [line]


def sets(corpus: Corpus) -> dict[tuple[str, str], int]:
    """Photos by the folder that they came from and its terms, most first."""
    return dict(Counter((e.source.partition("/")[0], e.licence) for e in corpus.where(label="real")).most_common())


def with_face(pictures: list[np.ndarray]) -> int:
    """In how many of (H, W, C) uint8 pictures a face is found, enlarged where they are small."""
    found = 0
    for picture in pictures:
        scale = max(1, round(LEAST / min(picture.shape[:2])))
        large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        rgb = large if large.ndim == 3 and large.shape[2] == 3 else cv2.cvtColor(large, cv2.COLOR_GRAY2RGB)
        found += bool(find_faces(rgb))
    return found


def nearest(pictures: list[np.ndarray], photos: np.ndarray, among: bool = False) -> np.ndarray:
    """Of each picture: the distance to the nearest photo, mirrored ones too, (N,) grey levels.

    `among`: the pictures are some of the photos; a photo is not near itself.
    """
    known = thumbnails(photos)
    known = np.concatenate([known, thumbnails(photos[:, :, ::-1])])  # (2 M, D)
    found = []
    for picture in thumbnails(np.stack(pictures)):
        away = np.sqrt(np.square(known - picture).mean(1))
        found.append(away[away > 0].min() if among else away.min())
    return np.array(found)


def thumbnails(pictures: np.ndarray) -> np.ndarray:
    """(N, H, W, C) uint8 → (N, D) float32."""
    size = (THUMBNAIL, THUMBNAIL)
    small = (cv2.resize(p, size, interpolation=cv2.INTER_AREA).ravel() for p in pictures)
    return np.stack([each.astype(np.float32) for each in small])
