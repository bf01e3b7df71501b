"""The data set layout of StyleGAN2-ADA's tools: one zip of numbered, uncompressed PNG, with dataset.json.

Other trainers read it, and so does ours, as any other zip (source.py, labels.py). For the same photos,
size and crop the pictures and labels are those of the published data set tool; `subset` and `order` are
what its loader chooses and in which order, to compare runs with.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from forensics.corpus import MANIFEST, Corpus, Entry
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.cropping import Cut
from generators.journal import Origin
from generators.labels import DATASET, read_kind, rows_of
from generators.prepare import Prepared, prepare


def prepare_zip(
    source: Path,
    target: Path,
    cut_: Cut,
    origin: Origin,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    dedupe: bool = False,
    workers: int = 1,
) -> Prepared:
    """As `prepare`, into the zip `target`, whole or not at all; manifest.csv and left_out.csv go beside it.

    Until it is whole, its pictures lie in a hidden folder beside it, from which the same command goes on.
    Raises Refusal as `prepare` does, and when the zip is already there.
    """
    if target.suffix.lower() != ".zip":
        raise Refusal(f"--layout stylegan makes one zip; {target} must end in .zip")
    if cut_.size is None:
        raise Refusal("--layout stylegan has pictures of one size; give --size in pixels, not native")
    if origin.label != "real":
        raise Refusal(f"--layout stylegan is for photos to learn from; it cannot tell --label {origin.label}")
    if target.exists():
        raise Refusal(f"{target} is already there; choose another name")
    work = target.with_name(f".{target.stem}.prepared")
    made = prepare(source, work, replace(cut_, kernel="lanczos"), origin, limit, progress, dedupe, workers)
    if not made.kept:
        raise Refusal(f"{source}: nothing to pack; see {work / 'left_out.csv'}")
    with at_once(target) as part:  # the zip comes last: once it is there, all is done
        entries = pack(made.corpus, part).entries
        Corpus(work, entries).save()
        for name in (MANIFEST, "left_out.csv"):
            os.replace(work / name, target.with_suffix(f".{name}"))
    shutil.rmtree(work)
    return replace(made, corpus=Corpus(target, entries))


def pack(corpus: Corpus, out: Path) -> Corpus:
    """Write a corpus's pictures to a zip, the same bytes for the same corpus; the corpus in the zip."""
    entries: list[Entry] = []
    with at_once(out) as part, ZipFile(part, "w", ZIP_STORED) as file:
        for number, entry in enumerate(corpus):
            data = stored_png(Photo.open(corpus.path(entry)).pixels)
            name = f"{number // 1000:05d}/img{number:08d}.png"
            entries.append(replace(entry, path=name, sha256=sha256(data).hexdigest()))
            file.writestr(ZipInfo(name), data)
        file.writestr(ZipInfo(DATASET), json.dumps(dataset_of(entries)))
    return Corpus(out, tuple(entries))


def stored_png(pixels: np.ndarray) -> bytes:
    """(H, W, C) uint8 as a PNG without compression: quick to read, again and again."""
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def dataset_of(entries: Sequence[Entry]) -> dict[str, object]:
    """What dataset.json tells: labels as numbers or lists, or null unless every picture has one.

    Classes with names are numbered in the order of their names, which are told beside.
    """
    told = [read_kind(entry.kind) for entry in entries]
    if not all(told):
        return {"labels": None}
    if all(isinstance(label, str) and label.isdecimal() for label in told):
        return {"labels": [[e.path, int(label)] for e, label in zip(entries, told, strict=True)]}
    rows, names = rows_of(told, "labels")
    if isinstance(told[0], tuple):
        return {"labels": [[e.path, list(label)] for e, label in zip(entries, told, strict=True)]}
    numbers = rows.argmax(1).tolist()
    return {"labels": [[e.path, n] for e, n in zip(entries, numbers, strict=True)], "classes": list(names)}


def subset(n: int, most: int, seed: int) -> np.ndarray:
    """Which `most` of n pictures the loader takes for its `max_size`, sorted: (most,) int64."""
    numbers = np.arange(n)
    np.random.RandomState(seed).shuffle(numbers)
    return np.sort(numbers[:most])


def order(n: int, seed: int, rank: int = 0, world: int = 1, window: float = 0.5) -> Iterator[int]:
    """The endless order in which the loader shows n pictures to process `rank` of `world`.

    A shuffled round is shown again and again, and each picture, once shown, changes places with one of the
    last `window * n` shown: the order drifts, and a picture never comes again too soon.
    """
    rng = np.random.RandomState(seed)
    round_ = np.arange(n)
    rng.shuffle(round_)
    reach, shown = int(np.rint(n * window)), 0
    while True:
        place = shown % n
        if shown % world == rank:
            yield int(round_[place])
        if reach >= 2:
            other = (place - rng.randint(reach)) % n
            round_[[place, other]] = round_[[other, place]]
        shown += 1
