"""The one loop for all families: phases, averages, progress, pictures on the way, exact resume.

A step's randomness is seeded from the run's seed and the step's number, and the order of photos from the
seed and the images seen: a run that stopped and went on equals one that never stopped, bit for bit on
the CPU with the same number of threads.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from forensics import __version__
from forensics.corpus import Corpus
from forensics.interrupt import patient_interrupt
from forensics.refusal import Refusal
from forensics.saving import write_at_once
from forensics.tensors import to_pictures, to_tensor
from generators import snapshots
from generators.family import Batch, Family, Phase, family_named, preset_named
from generators.photos import Photos, decode
from generators.plan import Plan
from generators.snapshots import Place
from generators.watching import Watch

GRID = 8  # pictures along a side of the sample grid
PHOTOS = "photos.npy"  # decoded photos, where they are too many for memory


def train(plan: Plan, out: Path, device: str = "auto") -> Path:
    """Train a family into the folder `out`, or go on where an earlier call with `out` stopped.

    `out` gets config.json, log.jsonl, samples/*.png and snapshots/*.safetensors. Returns the last snapshot.
    Ctrl-C finishes the step, saves and raises KeyboardInterrupt. Raises Refusal for a bad plan, and when
    `out` holds a run of another plan.
    """
    kind = family_named(plan.family)
    preset, config = preset_named(kind, plan.preset)
    where = torch.device(device_named(device))
    corpus = Corpus.open(plan.data)
    claim(out)
    with Watch(out) as watch:
        photos = decode(corpus, config.resolution, out / PHOTOS, watch.decoding)
        for left_out in photos.left_out[:5]:
            watch.say(f"left out: {left_out}")
        resolved = {
            "family": kind.name,
            "preset": preset,
            "config": asdict(config),
            **{key: getattr(plan, key) for key in ("seed", "batch", "precision")},
            "corpus": photos.sha256,
        }
        told = {
            "domain": ", ".join(sorted({entry.domain for entry in corpus})),
            "photos": len(photos),
            "device": str(where),
            "threads": torch.get_num_threads(),
        }
        for change in settle_config(out, resolved, told, plan):
            watch.say(change)
        torch.manual_seed(plan.seed)
        layout = torch.channels_last if where.type == "cpu" else torch.contiguous_format
        family = kind(config).to(where, memory_format=layout)
        return run(family, photos, plan, out, watch)


def run(family: Family, photos: Photos, plan: Plan, out: Path, watch: Watch) -> Path:
    phases = family.phases()
    optimisers = optimisers_of(family, phases)
    place = Place()
    path = snapshots.latest(out)
    if path:
        place = snapshots.load(path, family, optimisers)
        watch.say(f"going on from {path.name}: {place.images_seen / 1000:.1f} kimg")
    watch.begin(place, plan)
    goal, saved = plan.kimg * 1000, place
    with patient_interrupt() as interrupted:
        while place.images_seen < goal:
            family.advance(place.images_seen)
            place, measures = step(family, phases, optimisers, photos, plan, place)
            watch.look(place, measures)
            due = place.images_seen // (plan.snap * 1000) > saved.images_seen // (plan.snap * 1000)
            if due or interrupted() or place.images_seen >= goal:
                family.settle()
                path, saved = snapshots.save(out, family, optimisers, place), place
                draw_grid(family, out / "samples" / f"{path.stem}.png")
            if interrupted():
                watch.say(f"saved {path}; the same command goes on from here, or: forensics train --resume {out}")
                raise KeyboardInterrupt
    return path


def step(
    family: Family,
    phases: Sequence[Phase],
    optimisers: Mapping[str, torch.optim.Adam],
    photos: Photos,
    plan: Plan,
    place: Place,
) -> tuple[Place, dict[str, torch.Tensor]]:
    """One iteration: each phase that is due descends once on one batch; the average follows."""
    device = next(family.parameters()).device
    torch.manual_seed(int(np.random.SeedSequence((plan.seed, place.step)).generate_state(1, np.uint64)[0] >> 1))
    images = to_tensor(photos.batch(plan.seed, place.images_seen, plan.batch))  # (N, 3, R, R)
    if getattr(family.config, "channels", 3) == 1:
        images = images.mean(1, keepdim=True)  # (N, 1, R, R)
    layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    batch = Batch(images.to(device, memory_format=layout))
    measures: dict[str, torch.Tensor] = {}
    for phase in phases:
        if place.step % phase.every:
            continue
        optimiser = optimisers[learner_name(family, phase.learner)]
        family.requires_grad_(False)
        phase.learner.requires_grad_(True)
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.precision == "bf16"):
            outcome = phase.loss(batch)
        (outcome.loss * phase.every).backward()
        optimiser.step()
        measures |= {f"{phase.name} loss": outcome.loss.detach(), **outcome.measures}
    place = Place(place.step + 1, place.images_seen + plan.batch)
    # The average's half-life grows with the run, so that early pictures are not of the first noise.
    half_life = min(family.average_kimg * 1000, place.images_seen * 0.05)
    family.follow(0.5 ** (plan.batch / half_life))
    return place, measures


def optimisers_of(family: Family, phases: Sequence[Phase]) -> dict[str, torch.optim.Adam]:
    """One Adam a learner. With lazy phases, its pace is corrected (Karras et al. 2020, appendix B)."""
    made: dict[str, torch.optim.Adam] = {}
    for phase in phases:
        name = learner_name(family, phase.learner)
        lazy = max(other.every for other in phases if other.learner is phase.learner)
        share = lazy / (lazy + 1) if lazy > 1 else 1.0
        adam = family.adam(phase.learner)
        betas = (adam.beta1**share, adam.beta2**share)
        made.setdefault(name, torch.optim.Adam(phase.learner.parameters(), adam.lr * share, betas, adam.eps))
    return made


def learner_name(family: Family, learner: nn.Module) -> str:
    return next(name for name, module in family.named_modules() if module is learner)


def claim(out: Path) -> None:
    """Make the folder of a run. Raises Refusal when it holds something that is none."""
    out.mkdir(parents=True, exist_ok=True)
    others = {path.name for path in out.iterdir()} - {PHOTOS}
    if others and "config.json" not in others:
        raise Refusal(f"{out} is not empty and no training run; choose a new folder")


def settle_config(out: Path, resolved: dict[str, Any], told: dict[str, Any], plan: Plan) -> list[str]:
    """Write config.json, or check that the run in `out` is the same. Only its length may change.

    Returns what else is different this time, and makes the last digits differ: device, threads, versions.
    """
    path, changes = out / "config.json", []
    versions = {"python": platform.python_version(), "torch": torch.__version__, "forensics": __version__}
    told = {**resolved, **told, "data": str(plan.data), "kimg": plan.kimg, "snap": plan.snap, "versions": versions}
    if path.exists():
        before = snapshots.read_config(out)
        odd = [f"{key} was {before.get(key)!r}" for key, value in resolved.items() if before.get(key) != value]
        if odd:
            raise Refusal(f"{out} holds a run with other settings ({'; '.join(odd)}); choose another --out")
        for key in ("device", "threads", "versions"):
            if key in before and before[key] != told[key]:
                changes.append(f"{key}: {before[key]} before, {told[key]} now: not the same to the last bit")
    write_at_once(path, json.dumps({**told, "time": time.strftime("%F")}, indent=1))
    return changes


def draw_grid(family: Family, path: Path) -> None:
    """The average's pictures of fixed latents, in one PNG."""
    z = family.draw(GRID * GRID, torch.Generator().manual_seed(0)).to(next(family.parameters()).device)
    with torch.no_grad():
        pictures = to_pictures(family.sample(z))  # (64, R, R, 3)
    side = pictures.shape[1] * GRID
    grid = pictures.reshape(GRID, GRID, *pictures.shape[1:]).swapaxes(1, 2).reshape(side, side, 3)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(grid).save(path)


def device_named(name: str) -> str:
    """auto, cpu or cuda → what torch calls it. Raises Refusal when it is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise Refusal(f"--device {name}: must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise Refusal("--device cuda: torch sees no CUDA device here; use cpu or auto")
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
