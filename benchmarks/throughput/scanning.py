"""How many photos a second does a scan inspect, one worker a core, and how many forwards of resnet50 would that buy?

The photos of measure.py go through the crew of `forensics scan`; forwards of timm's resnet50 at 224 x 224 (random
weights, batch 1, one thread) through a crew of as many workers. Both by turns, so that both see the same load of the
machine. From the seconds a photo follows what a million of them cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.table import Column, Table
from forensics.crew import Crew
from forensics.inspection import inspect_file
from forensics.refusal import Refusal
from forensics.scan import Examiners

ROUNDS = 3  # of photos, then forwards; medians are told
FORWARDS = 10  # in one job of a worker
AIM_FORWARDS, AIM_BUSY = 3.0, 90.0
MILLION = 1_000_000


def scan_table(
    load: Callable[[], Examiners],
    portrait: Callable[[int], bytes],
    workers: int,
    photos: int,
    watch: Callable[[str], None] = lambda doing: None,
) -> Table:
    """Rates of `workers` workers over `photos` photos a round. portrait(number): a file's bytes."""
    seen, forwarded, busy = [], [], []
    each = max(photos, 2 * workers)
    with Crew(load, workers) as scanning, Crew(reference, workers) as comparing:
        timed(scanning, examine, [portrait(-1 - i) for i in range(2 * workers)])  # all workers load first
        timed(comparing, forwards, range(2 * workers))
        for turn in range(ROUNDS):
            watch(f"a scan by {workers} workers, turn {turn + 1} of {ROUNDS}")
            files = [portrait(turn * each + number) for number in range(each)]
            seconds, share = timed(scanning, examine, files)
            seen.append(seconds / each)
            busy.append(share)
            forwarded.append(timed(comparing, forwards, range(each))[0] / each / FORWARDS)
    photo, forward = median(seen), median(forwarded)
    known = [share for share in busy if share is not None]
    rows = (
        ("speed", 1 / photo, "photos a second", None),
        ("one photo", photo * workers, "core seconds", None),
        ("resnet50 at 224x224, as many workers", 1 / forward, "forwards a second", None),
        ("whole panel", photo / forward, "resnet50 forwards a photo", f"at most {AIM_FORWARDS:g}"),
        ("cores busy", 100 * median(known) if known else None, "%", f"at least {AIM_BUSY:g}"),
        ("a million such photos", photo * workers * MILLION / 3600, "core hours", None),
    )
    note = f"{workers} workers of one thread, {each} photos a turn; medians of {ROUNDS} turns, resnet50 between them."
    columns = (Column("measure"), Column("value"), Column("unit"), Column("aim"))
    return Table("scan", f"Scanning such portraits with {workers} workers", columns, rows, (note,))


def timed(crew: Crew, job: Callable, items: Sequence | Iterable) -> tuple[float, float | None]:
    """Seconds until all are done, and the share of them that the workers computed; None where /proc is not there."""
    items = list(items)
    before, start = spent(crew), time.perf_counter()
    for _, answer in crew.map(job, items):
        if answer is not True:
            raise Refusal(f"a scan cannot be timed here: {getattr(answer, 'why', answer)}")
    seconds, after = time.perf_counter() - start, spent(crew)
    if before is None or after is None or not before:
        return seconds, None
    return seconds, (after - before) / seconds / crew.size


def spent(crew: Crew) -> float | None:
    """Seconds of processor time that the workers have had so far."""
    import os

    try:
        fields = [Path(f"/proc/{w.process.pid}/stat").read_text().rpartition(")")[2].split() for w in crew.workers]
    except OSError:
        return None
    return sum(int(row[11]) + int(row[12]) for row in fields) / os.sysconf("SC_CLK_TCK")


def examine(examiners: Examiners, data: bytes) -> bool:
    panel, calibration = examiners
    return inspect_file(data, panel, calibration, name="portrait.jpg").verdict is not None


def reference() -> Callable[[], object]:
    """In a worker: one forward of resnet50."""
    import torch

    from detectors import torchvision_ops  # noqa: F401  (timm needs it first)

    picture = torch.randn(1, 3, 224, 224)
    import timm

    network = timm.create_model("resnet50", pretrained=False).eval()
    return partial(forward, network, picture)


def forward(network: Callable, picture: object) -> object:
    import torch

    with torch.inference_mode():
        return network(picture)


def forwards(once: Callable[[], object], _: int) -> bool:
    for _ in range(FORWARDS):
        once()
    return True
