"""How fast are published detectors on the photo that the panel is timed with, in the same run, on the same threads?

From decoded pixels to evidence: faces are found where a detector asks for one, files are not decoded. After each
photo one forward of resnet50, so that both see the same load of the machine. What a network weighs decides no
speed: where its authors' file is absent it is built as they built it and filled with random numbers, and the table
says so. None of them is asked what it thinks of the photo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.medians import middle, rate
from benchmarks.table import Column, Measure, Table
from forensics.photo import Photo
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from torch import Tensor, nn

    from detectors.published import Manifest, PublishedDetector

REPEATS = 6  # the fewest whose range is a 95 % interval of their median
AUTHORS, RANDOM = "its authors'", "random weights: speed only"
PANEL = "whole panel"

COLUMNS = (
    Column("detector"),
    Column("year", about="of publication"),
    Column("time", "ms", "a photo, from decoded pixels to evidence; median"),
    Column("speed", "photos/s"),
    Column("resnet50 forwards", "", "that the same time would buy, turn by turn"),
    Column("weights"),
)


def published_table(
    portrait: Callable[[int], bytes],
    forward: Callable[[], object],
    threads: int,
    panel: Sequence[float] = (),
    panel_forwards: Sequence[float] = (),
    watch: Callable[[str], None] = lambda doing: None,
) -> Table:
    """A row for each of PUBLISHED, on top the panel's own.

    portrait(number): a file's bytes, other ones for each number. forward: of resnet50, once. panel: seconds a photo
    that the panel took in this run, and panel_forwards those of a forward then. A detector whose weights can't be
    used, or that there is no memory for, is not measured, and a note says why.
    """
    from detectors.published import PUBLISHED

    rows, notes = [], []
    if panel:
        rows.append(row(PANEL, None, panel, median(panel) / median(panel_forwards), "ours"))
    for kind in PUBLISHED:
        watch(f"{kind.manifest.title} (published)")
        try:
            detector = authors_or_random(kind)
        except Refusal as refusal:
            notes.append(f"{kind.manifest.title} was not measured: {refusal}")
            rows.append((kind.manifest.title, kind.manifest.year, None, None, None, "not measured"))
            continue
        seconds, forwards = timed(detector, portrait, forward)
        bought = middle([s / f for s, f in zip(seconds, forwards, strict=True)])
        weights = AUTHORS if detector.weights else RANDOM
        rows.append(row(kind.manifest.title, kind.manifest.year, seconds, bought, weights))
    how = f"Medians of {REPEATS} photos (same picture, other bytes) with 95 % intervals; {threads} threads, batch 1."
    return Table("published", "Published detectors on the same photo", COLUMNS, tuple(rows), (how, *notes))


def row(name: str, year: int | None, seconds: Sequence[float], bought: float | Measure, weights: str) -> tuple:
    took = middle([1000 * s for s in seconds])
    return name, year, took, rate(took, 1000), bought, weights


def timed(
    detector: PublishedDetector, portrait: Callable[[int], bytes], forward: Callable[[], object]
) -> tuple[list[float], list[float]]:
    """Seconds of the detector and of resnet50, in turns; the first turn, which allocates, does not count."""
    seconds, forwards = [], []
    for number in range(-1, REPEATS):
        photo = Photo.open(portrait(number), "portrait.jpg")
        seconds.append(clocked(lambda photo=photo: detector.examine(photo)))
        forwards.append(clocked(forward))
    return seconds[1:], forwards[1:]


def clocked(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def authors_or_random(kind: type[PublishedDetector]) -> PublishedDetector:
    """With its authors' weights where they are; else the same network filled with random numbers.

    Raises Refusal for a file that can't be used, and where there is too little memory.
    """
    from detectors.published import published_folder

    manifests = (kind.manifest, *kind.manifest.needs)
    if all(is_there(published_folder(), manifest) for manifest in manifests):
        return kind.load()
    pairs = zip(unfilled(kind), manifests, strict=True)
    networks = [filled(network, manifest) for network, manifest in pairs]
    return kind(kind.assembled(networks), None, next(iter(kind.manifest.variants), ""))


def is_there(folder: Path, manifest: Manifest) -> bool:
    return any((folder / name).is_file() for name in manifest.names)


def unfilled(kind: type[PublishedDetector]) -> list[nn.Module]:
    """The networks of its files, on the meta device."""
    import torch

    from detectors.published import clip
    from detectors.published.rine import RINE

    sizes: dict[str, Tensor] = {}
    with torch.device("meta"):
        if issubclass(kind, RINE):  # a checkpoint tells its head's sizes: its authors' largest on one class
            sizes = {"alpha": torch.empty(1, kind.config.depth, 1024)}
            sizes |= {f"proj1.{layer}.weight": torch.empty(0) for layer in (1, 4)}
        return [kind.built(sizes), *(clip.Clip(kind.config) for _ in kind.manifest.needs)]


def filled(network: nn.Module, manifest: Manifest) -> nn.Module:
    """Random numbers of a size that neither dies out nor overflows, as either would change the speed."""
    import torch

    from detectors.published import checkpoint

    values = sum(tensor.numel() for tensor in network.state_dict().values())
    free = memory()
    if free is not None and 8 * values > free:
        raise Refusal(f"{8 * values / 1e9:.1f} GB of memory are needed, {free / 1e9:.1f} are free")
    numbers, state = torch.Generator().manual_seed(0), {}
    for name, tensor in network.state_dict().items():
        if tensor.ndim > 1:
            size = (2 / tensor[0].numel()) ** 0.5
            state[name] = torch.empty(tensor.shape).normal_(0, size, generator=numbers)
        else:
            state[name] = torch.full(
                tensor.shape, float(name.endswith(("weight", "running_var"))), dtype=tensor.dtype
            )
    return checkpoint.fill(network, state, Path("random weights"), manifest)


def memory() -> int | None:
    """Bytes that can be had without swapping; None where the system doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None
