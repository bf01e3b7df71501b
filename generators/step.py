"""One step of a training: each phase that is due descends once on a batch, and the average follows.

A batch is cut into microbatches: the unit of a forward pass, and of randomness, which is seeded from the
run's seed, the step, the phase and the microbatch. Process r of W takes microbatches r, r + W, ...; gradients
are summed in float64. So a step is the same, to a rounding, however many processes take it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from forensics.tensors import to_tensor
from generators.descent import Descent, learner_name
from generators.family import Batch, Family, Phase
from generators.photos import Photos
from generators.plan import Plan
from generators.ranks import rank, world
from generators.snapshots import Place
from generators.together import GradientSums, norms_in_order


def step(
    family: Family,
    phases: Sequence[Phase],
    optimisers: Mapping[str, Descent],
    photos: Photos,
    plan: Plan,
    place: Place,
) -> tuple[Place, dict[str, Tensor]]:
    """One iteration. Returns where the run stands then, and what the phases measured: means over the batch, of
    which each process has the part that its microbatches make up.
    """
    own = range(rank(), plan.rounds, world())
    batches = [batch_of(family, photos, plan, place.images_seen + number * plan.each) for number in own]
    measures: dict[str, Tensor] = {}
    for index, phase in enumerate(phases):
        if place.step % phase.every:
            continue
        optimiser = optimisers[learner_name(family, phase.learner)]
        family.requires_grad_(False)
        phase.learner.requires_grad_(True)
        sums = GradientSums(phase.learner.parameters())
        means: dict[str, Tensor] = {}
        for number, batch in zip(own, batches, strict=True):
            torch.manual_seed(seed_of(plan.seed, place.step, index, number))
            with norms_in_order(family):
                outcome = optimiser.learn(phase, batch, plan.rounds)
            if plan.rounds > 1:
                sums.take()
            for name, value in {f"{phase.name} loss": outcome.loss, **outcome.measures}.items():
                means[name] = means.get(name, 0) + value.detach().float() / plan.rounds
        if plan.rounds > 1:
            sums.give()
        optimiser.descend()
        measures |= means
    follow(family, plan, place.images_seen)
    return Place(place.step + 1, place.images_seen + plan.batch), measures


def seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def batch_of(family: Family, photos: Photos, plan: Plan, start: int) -> Batch:
    """Photos `start` to `start + plan.each` of the run, as the family's networks take them."""
    mirror = getattr(family.config, "mirror", True)
    return as_batch(family, *photos.batch(plan.seed, start, plan.each, mirror))


def as_batch(family: Family, pixels: np.ndarray, labels: np.ndarray | None) -> Batch:
    """(N, H, W, C) uint8, and (N, K) float32 or None, on the family's device."""
    device = next(family.parameters()).device
    layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    images = to_tensor(pixels).to(device, memory_format=layout)  # (N, C, H, W)
    return Batch(images, None if labels is None else torch.from_numpy(labels).to(device))


def follow(family: Family, plan: Plan, images_seen: int) -> None:
    """The average's half-life grows with the run, so that early pictures are not of the first noise.

    `images_seen` before the step, as published: the first step's average is what it learned, all of it.
    Weights that come from another training are no noise: there it is long from the start.
    """
    half_life = family.average_kimg * 1000
    if family.average_rampup is not None and plan.start is None:
        half_life = min(half_life, images_seen * family.average_rampup)
    family.follow(0.5 ** (plan.batch / half_life) if half_life else 0.0)
