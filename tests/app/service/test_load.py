"""Under load: no request fails, and nothing grows. Run with -m slow; the figures are printed."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest

from tests.app.service.served import REAL, START, Served, memory, photo

AT_ONCE = 4
PADDING = np.random.default_rng(0).bytes(500_000)  # what follows a PNG's end is read, sent on, and not decoded


def resident(served: Served) -> dict[str, float]:
    workers = sorted(served.children())
    return {"server": memory(served.process.pid, "VmRSS"), **{f"worker {p}": memory(p, "VmRSS") for p in workers}}


def load(served: Served, photos: list[bytes], requests: int) -> tuple[list[int], np.ndarray]:
    """Statuses, and seconds of each request, `AT_ONCE` at a time over kept connections."""
    kept = threading.local()

    def one(i: int) -> tuple[int, float]:
        if not hasattr(kept, "client"):
            kept.client = httpx.Client(base_url=served.url, timeout=300, trust_env=False)
        began = time.monotonic()
        status = served.post(photos[i % len(photos)], kept.client).status_code
        return status, time.monotonic() - began

    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses, seconds = zip(*pool.map(one, range(requests)), strict=True)
    return list(statuses), np.array(seconds)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "first", "then", "growth"), [(START, 500, 1500, 4), (REAL, 25, 75, 60)], ids=["stand-in", "real"]
)
def test_no_request_fails_and_nothing_grows(serving, portrait_file, capsys, code, first, then, growth):
    photos = [portrait_file.read_bytes()] if code == REAL else [photo(), photo(grey=250) + PADDING]
    served = serving({"workers": 2, "waiting": 8, "seconds": 300.0}, code=code).wait()
    while len(served.children()) < 2 or served.metric("forensics_ready") == 0:
        time.sleep(0.1)
    began = time.monotonic()
    statuses, seconds = load(served, photos, first)
    early = resident(served)
    more, later = load(served, photos, then)
    late = resident(served)
    took, seconds = time.monotonic() - began, np.concatenate([seconds, later])
    told = [
        f"{first + then} requests, {AT_ONCE} at a time, 2 workers: {took:.1f} s, {(first + then) / took:.1f} a second"
    ]
    told += [
        f"p50 {np.percentile(seconds, 50):.4f} s, p99 {np.percentile(seconds, 99):.4f} s, most {seconds.max():.3f} s"
    ]
    told += [f"{name}: {early[name]:.1f} MB after {first}, {late[name]:.1f} MB at the end" for name in early]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(told) + "\n")
    assert statuses + more == [200] * (first + then)
    assert set(late) == set(early), "a worker was lost"
    assert all(late[name] - early[name] < growth for name in early)
