"""`--dry-run`: what a plan comes to, with its time and memory from a few steps; nothing is written."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from forensics.corpus import Corpus
from generators import snapshots
from generators.descent import Descent, learner_name, optimisers_of
from generators.family import Family, Phase
from generators.labels import labels_of
from generators.photos import Photos, decode
from generators.plan import Plan, check_free, check_same
from generators.ranks import world
from generators.snapshots import Place
from generators.step import step
from generators.training import built, device_named, resolved_of, settled
from generators.transfer import transfer


def rehearse(plan: Plan, out: Path | None = None, device: str = "auto") -> dict[str, str]:
    """What `train` would do, as lines to print: name → value.

    Raises the Refusals that `train` would, but those for photos: only the first few are read.
    """
    preset, config, corpus = settled(plan)
    if out is not None:
        check_free(out)
        check_same(out, resolved_of(plan, preset, config))
    where = torch.device(device_named(device))
    plan.check_divides()
    family = built(plan, config, where)
    _, classes = labels_of(corpus.where(label="real"), plan.cond)
    last = snapshots.latest(out) if out is not None else None
    if last:
        start = [f"goes on from {last.name}"]
    else:
        start = transfer(plan.start, family, None, classes) if plan.start else []
    phases = family.phases()
    optimisers = optimisers_of(family, phases, plan.precision)
    real = corpus.where(label="real")
    some = Corpus(corpus.root, real.entries[: plan.each])
    with TemporaryDirectory() as spill:
        photos = decode(some, family.size, Path(spill) / "photos.npy", channels=channels_of(config), wanted=False)
        if getattr(config, "labels", 0):
            photos = with_labels(photos, config.labels)
        family.advance(0)
        seconds = seconds_a_step(family, phases, optimisers, photos, plan)
    steps = -(-plan.kimg * 1000 // plan.batch)
    height, width = family.size
    numbers = {learner_name(family, phase.learner): phase.learner for phase in phases}
    return {
        "family": f"{family.name} ({family.paper.authors.split(',')[0]} et al. {family.paper.year})",
        "preset": preset,
        "config": ", ".join(f"{key} {value}" for key, value in asdict(config).items()),
        **{f"parameters of {name}": f"{size_of(module):,}" for name, module in numbers.items()},
        "photos": f"{len(real):,} at {plan.data}, as {height} x {width} px, {channels_of(config)} channels"
        + (f"; of the first {len(photos)}, {photos.enlarged} are smaller: enlarged" if photos.enlarged else ""),
        "classes": str(getattr(config, "labels", 0) or "none"),
        "phases of a step": ", ".join(f"{p.name}{f' every {p.every}' if p.every > 1 else ''}" for p in phases),
        "batch": f"{plan.batch} photos: {plan.rounds} x {plan.each} in {world()} process{'es' * (world() > 1)}",
        "length": f"{plan.kimg:g} kimg, {steps:,.0f} steps, a snapshot every {plan.snap:g} kimg",
        "seed": str(plan.seed),
        "device": f"{where}, {plan.precision}, {torch.get_num_threads()} threads",
        "time": f"{duration(seconds * steps)}: {seconds:.3g} s a step, {plan.batch / seconds:.3g} images/s",
        "memory": memory(where),
        **({"start": " ".join(" ".join(start).split())} if start else {}),
    }


def seconds_a_step(
    family: Family, phases: list[Phase], optimisers: dict[str, Descent], photos: Photos, plan: Plan
) -> float:
    """Each phase timed once, after a step to warm up; a lazy one counts as often as it comes."""
    step(family, phases, optimisers, photos, plan, Place())
    total = 0.0
    for phase in phases:
        begun = time.perf_counter()
        _, measures = step(family, [phase], optimisers, photos, plan, Place())
        for value in measures.values():
            value.item()  # waits for a GPU
        total += (time.perf_counter() - begun) / phase.every
    return total


def with_labels(photos: Photos, columns: int) -> Photos:
    """Any labels will do to time a step."""
    labels = torch.eye(columns)[torch.arange(len(photos)) % columns].numpy()
    return replace(photos, labels=labels)


def channels_of(config: Any) -> int:
    return getattr(config, "channels", 3)


def size_of(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def memory(where: torch.device) -> str:
    """The most that was in use so far."""
    if where.type == "cuda":
        return f"{torch.cuda.max_memory_allocated(where) / 2**30:.2f} GiB on the GPU"
    try:
        import resource
    except ImportError:  # Windows
        return "unknown"
    unit = 1 if sys.platform == "darwin" else 1024
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30:.2f} GiB, without the photos"


def duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.2g} seconds" if seconds < 10 else f"{seconds:.0f} seconds"
