"""One thread for torch: sums that are shared out among threads are rounded by how many there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch computes in one thread: the same numbers on every machine, and small networks are quicker.

    A setting of the process: what runs beside it is slowed down meanwhile. Nothing happens where torch is not loaded.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
