"""Copies of one picture, found by their difference hashes: they share a group, so never sit in two splits.

Faces that are cut alike also hash alike: some of different people end up in one group. That errs on the
safe side for splits, and not for dropping copies: there the pictures themselves must agree as well.
Mirrored copies are not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np

ALIKE = 4  # bits of 64 by which the hashes of two copies differ at most
# Correlation of two copies' colours at 32 x 32. Among 4,262 aligned faces, pairs of like hashes had below 0.94
# (people who look alike) or above 0.96 (16 pairs, all of one photo).
SAME = 0.95
THUMB = 32  # px


def groups_of(hashes: list[str]) -> list[str]:
    """For each difference hash (16 hex digits) the name of its group: the least hash that it is linked to.

    Hashes within `ALIKE` bits are linked, and so on along the chain. Every pair is compared, in blocks.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    different, where = np.unique(np.array([int(h, 16) for h in hashes], dtype=np.uint64), return_inverse=True)
    links = [np.empty((2, 0), dtype=np.int64)]
    for start in range(0, len(different), 512):
        block = different[start : start + 512, None] ^ different[None, start:]  # (512, rest)
        near = np.bitwise_count(block) <= ALIKE
        links.append(np.array(np.nonzero(near)) + start)
    rows, columns = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(different),) * 2)
    count, group = connected_components(graph, directed=False)
    least = np.full(count, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, group, different)
    return [f"{int(h):016x}" for h in least[group[where]]]


def copies_of(hashes: Sequence[str], size: Sequence[int], picture: Callable[[int], np.ndarray]) -> dict[int, int]:
    """Which pictures are near copies of one that is kept: number of the copy → number of the kept one.

    Of copies the one of the largest `size` is kept, and of equals the first. `picture(i)` gives (H, W, 3)
    uint8 and is asked only where hashes are within `ALIKE` bits of a kept one's.
    """
    thumbs = lru_cache(maxsize=4096)(lambda number: thumb(picture(number)))
    values = np.array([int(h, 16) for h in hashes], dtype=np.uint64)
    kept, kept_values, found = [], np.empty_like(values), {}
    for number in sorted(range(len(hashes)), key=lambda i: (-size[i], i)):
        near = np.bitwise_count(kept_values[: len(kept)] ^ values[number]) <= ALIKE
        same = (kept[i] for i in np.nonzero(near)[0] if likely_same(thumbs(kept[i]), thumbs(number)))
        original = next(same, None)
        if original is None:
            kept_values[len(kept)] = values[number]
            kept.append(number)
        else:
            found[number] = original
    return found


def thumb(pixels: np.ndarray) -> np.ndarray:
    return cv2.resize(pixels, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)


def likely_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two thumbs agree; plain surfaces, which correlate with nothing, by their colour."""
    a, b = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((a * a).sum() * (b * b).sum()))
    if spread < THUMB * THUMB * 3:  # less than a level a pixel
        return float(np.abs(one - other).mean()) < 2
    return float((a * b).sum()) / spread > SAME
