"""Copies of one picture, found by their difference hashes: they share a group, so never sit in two splits.

Faces that are cut alike also hash alike: some of different people end up in one group. That errs on the
safe side. Mirrored copies are not found.
"""

from __future__ import annotations

import numpy as np

ALIKE = 4  # bits of 64 by which the hashes of two copies differ at most


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
