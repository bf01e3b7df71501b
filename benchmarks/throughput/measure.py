"""How many photos a second does the whole panel inspect, where does the time go, how long to the first verdict?

And how many does each generator make and learn from: generation.py. Of the panel:
one core count, one run, one photo: a 1024 x 1024 portrait as JPEG. Beside it, photo by photo, forwards
of timm's `resnet50` at 224 x 224 (random weights, batch 1), so that figures of two machines compare:
"forwards a photo" says how many of them the same time would buy. And the published detectors, in the same
run on the same photo: published.py.
"""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.stamp import Stamp
from benchmarks.table import Column, Result, Table
from benchmarks.throughput import generation, scanning
from benchmarks.throughput.published import published_table
from forensics.crew import cores
from forensics.face import faces, largest_face
from forensics.photo import Photo
from forensics.places import HOUSE
from forensics.refusal import Refusal
from forensics.report import Report, as_json, versions
from forensics.scan import Examiners
from forensics.threads import one_thread
from forensics.verdict import weigh

SIDE = 1024
STARTS = 3  # cold starts; their median is reported
FORWARDS = 3  # of resnet50, after each photo, so that both see the same load of the machine
HALVES = ("panel", "generators")
AIM_FIRST = 6.0  # seconds


def portrait(number: int) -> bytes:
    """Matplotlib's Grace Hopper at 1024 x 1024 as JPEG: the same picture, other bytes for each number."""
    import matplotlib
    from PIL import Image

    source = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    image = Image.open(source).convert("RGB")
    image = image.crop((0, 0, image.width, image.width)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, comment=f"throughput, photo {number}".encode())
    return buffer.getvalue()


class Clock:
    """Seconds by stage, one entry a photo."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @contextmanager
    def stage(self, name: str):
        start = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - start)

    def median(self, name: str) -> float:
        return median(self.seconds[name])

    def summed(self, names: Iterable[str]) -> list[float]:
        """Of these stages together, one entry a photo."""
        return [sum(stages) for stages in zip(*(self.seconds[name] for name in names), strict=True)]


def measure(
    load: Callable[[], Examiners],
    weights: Path,
    photos: int = 20,
    starts: int = STARTS,
    watch: Callable[[str], None] = lambda doing: None,
    only: str | None = None,
    seconds: float = 2.0,
    device: str = "cpu",
) -> Result:
    """Time `photos` photos through the panel of `load`, `starts` cold starts with its weights, and all generators.

    `only` one of HALVES; `seconds` a figure of a generator, on `device`. watch(doing) is told what is being timed.
    """
    if only not in (None, *HALVES):
        raise Refusal(f"--only {only}: must be one of {', '.join(HALVES)}")
    tables: tuple[Table, ...] = ()
    settings: dict[str, object] = {}
    used: dict[str, str] = {}
    if only != "generators":
        tables, settings, used = measure_panel(load, weights, photos, starts, watch)
    if only != "panel":
        tables += generation.tables(seconds, device, watch)
        settings |= {"seconds": seconds, "device of generators": device}
    return Result("throughput", "Throughput", tables, Stamp.now(weights=used, settings=settings))


def measure_panel(
    load: Callable[[], Examiners],
    weights: Path,
    photos: int,
    starts: int,
    watch: Callable[[str], None],
) -> tuple[tuple[Table, ...], dict[str, object], dict[str, str]]:
    """Tables, settings, and the weights' hashes."""
    if photos < 1:
        raise Refusal(f"--photos {photos}: at least 1 is needed")
    watch("cold starts")
    first = [first_verdict(weights) for _ in range(starts)]
    watch("loading the panel")
    panel, calibration = load()
    network, threads = reference()
    clock = Clock()
    network()
    time_photo(portrait(-1), panel, calibration, Clock())  # warm-up: first calls allocate and compile
    for number in range(photos):
        watch(f"photo {number + 1} of {photos}")
        data = portrait(number)
        with clock.stage("whole"):
            time_photo(data, panel, calibration, clock)
        for _ in range(FORWARDS):
            with clock.stage("resnet50"):
                network()
    used = versions(panel, calibration)
    workers = cores()
    settings = {"workers": workers, "photos": photos, "side": SIDE, "threads": threads}
    settings["first verdicts (s)"] = [round(s, 2) for s in first]
    spent = clock.summed(("face finding", *(detector.name for detector in panel)))
    beside = published_table(portrait, network, threads, spent, clock.seconds["resnet50"], watch)
    summary, stages = panel_tables(clock, first, threads)
    tables = (summary, scanning.scan_table(load, portrait, workers, photos, watch), stages, beside)
    return tables, settings, {**used["weights"], "calibration": used["calibration"]}


def time_photo(data: bytes, panel, calibration, clock: Clock) -> None:
    """What `inspect` does, stage by stage."""
    with clock.stage("decode"):
        photo = Photo.open(data, "portrait.jpg")
    with clock.stage("face finding"):
        faces(photo)
    evidence = []
    with one_thread():
        for detector in panel:
            with clock.stage(detector.name):
                evidence.append(detector.examine(photo))
    with clock.stage("verdict and JSON"):
        face = largest_face(photo)
        outside = calibration.of(face is not None).domain.outside(photo.width, photo.height, face and face.height)
        as_json([Report.of(photo, weigh(evidence, calibration, outside), panel, calibration)])


def reference() -> tuple[Callable[[], object], int]:
    """One forward of resnet50 on one 224 x 224 picture, and the number of threads it uses, like the panel."""
    import torch

    return scanning.reference(), torch.get_num_threads()


def first_verdict(weights: Path) -> float:
    """Seconds from the start of a fresh `forensics inspect` process to its verdict on standard output."""
    with TemporaryDirectory() as folder:
        photo = Path(folder, "portrait.jpg")
        photo.write_bytes(portrait(0))
        command = [sys.executable, "-m", "app.cli", "inspect", str(photo), "--json", "-", "--panel", str(weights)]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True)
        seconds = time.perf_counter() - start
    if done.returncode or '"conclusion"' not in done.stdout:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Refusal(f"`forensics inspect` gave no verdict ({said[:300]})")
    return seconds


def panel_tables(clock: Clock, first: list[float], threads: int) -> tuple[Table, ...]:
    forward, whole = clock.median("resnet50"), clock.median("whole")
    photos = len(clock.seconds["whole"])
    summary = Table(
        "summary",
        f"Inspecting a {SIDE}x{SIDE} portrait with the whole panel",
        (Column("measure"), Column("value"), Column("unit"), Column("aim")),
        (
            ("speed", 1 / whole, "photos a second", None),
            ("one photo", whole * 1000, "ms", None),
            ("one resnet50 forward at 224x224", forward * 1000, "ms", None),
            ("whole panel", whole / forward, "resnet50 forwards a photo", None),
            ("first verdict, from process start", median(first) if first else None, "s", f"under {AIM_FIRST:g}"),
        ),
        (
            f"Medians of {photos} photos (same picture, other bytes), {len(first)} cold starts and "
            f"{len(clock.seconds['resnet50'])} resnet50 forwards; {threads} threads, one process.",
        ),
    )
    stages = [name for name in clock.seconds if name not in ("whole", "resnet50")]
    rows = tuple(
        (name, ms := clock.median(name) * 1000, ms / whole / 10, clock.median(name) / forward) for name in stages
    )
    columns = (Column("stage"), Column("time", "ms"), Column("share", "%"), Column("resnet50 forwards"))
    split = Table("stages", "Where the time goes", columns, rows, ("Medians a stage: they need not add up.",))
    return summary, split
