"""The arms race, measured: a generator learns to pass, detectors learn it, round by round.

Round 0: detectors (detectors/probes) learn the pictures of a DCGAN. Round 1: the DCGAN is trained on against them, by
each strategy of forgers.py; how far do they fall, what did it cost the pictures, and what do they know once they have
learnt the new pictures too? From the strategy that does all at once the race goes on: each round the forger trains
against the detectors of the last, and they learn from all its pictures so far.

The forger sees one detector's network and the spectra that another is built on; the third is never attacked.
All photos and pictures are on common ground (generalization/grounds.py). Each round's work is kept: an interrupted
run goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks import Watch
from benchmarks.generalization.grounds import SPLITS, Ground, Soil, brought, ground_of
from benchmarks.kept import kept_in
from benchmarks.red_queen.figure import draw, grid
from benchmarks.red_queen.forgers import BATCH, STRATEGIES, Strategy, changed, forged
from benchmarks.red_queen.tables import Lap, Quality, points, tables
from benchmarks.stamp import Stamp
from benchmarks.table import Result
from detectors.probes import PROBES, Lesson, network
from detectors.probes.network import Patches
from forensics.features import shipped
from forensics.refusal import Refusal
from forensics.saving import at_once
from forensics.tensors import to_pictures
from generators.families.dcgan import DCGAN
from generators.trained import Trained

NAME, NETWORK = "dcgan", "network"
LEARNT, TRIED, SHOWN = 1, 2, 3  # seeds of what detectors learn from, are tried on, and of what is shown
PICTURES = 16  # shown
QUALITY_PICTURES = 1000


@dataclass(frozen=True)
class Rules:
    """How the race is run."""

    rounds: int = 3
    steps: int = 200  # of the forger, a round
    samples: int = 1000  # of the bootstrap

    def __post_init__(self) -> None:
        if not (1 <= self.rounds <= 10 and 10 <= self.steps <= 100_000):
            raise Refusal(f"--rounds {self.rounds} --steps {self.steps}: allowed are 1 to 10 and 10 to 100000")


@dataclass(frozen=True, eq=False)
class Course:
    """What does not change in a race."""

    ground: Ground
    family: DCGAN
    rules: Rules
    soil: Soil
    folder: Path

    @cached_property
    def photos(self) -> np.ndarray:
        """All real photos as points of `forensics.features`."""
        return points(np.concatenate([stack for split in SPLITS for stack in self.ground.real(NAME, split)]))

    def pictures(self, generator: nn.Module, seed: int, n: int) -> np.ndarray:
        """(n, R, R, 3) uint8, the same z for the same seed."""
        z = self.family.draw(n, torch.Generator().manual_seed(self.soil.seed * 10 + seed))
        with torch.no_grad():
            return np.concatenate([to_pictures(generator(part)) for part in z.split(64)])

    def seen(self, generator: nn.Module, seed: int, n: int) -> np.ndarray:
        """The same as detectors see them: laundered."""
        side = self.family.size[0]
        return np.stack([brought(picture, side, self.soil) for picture in self.pictures(generator, seed, n)])


def measure(
    soil: Soil, trained: Trained, out: Path, rules: Rules, watch: Watch = lambda doing, done, total: None
) -> Result:
    """Run the race on the photos of `soil` (its fakes are not used). Raises Refusal for another family than DCGAN."""
    if not isinstance(trained.family, DCGAN):
        raise Refusal(f"{trained.weights} is a {trained.family.name}; the race is run by a DCGAN of any training")
    ground = photos_of(soil, trained, watch)
    course = Course(ground, trained.family, rules, soil, folder_of(out, soil, rules, trained, ground))
    laps = race(course, watch)
    shown = tables(laps, course.ground, rules.samples, soil.seed)
    settings = {**asdict(rules), "size": soil.size, "launder": soil.launder, "most": soil.most, "batch": BATCH}
    stamp = Stamp.now(soil.seed, {"pictures": ground.fingerprint}, {NAME: trained.sha256}, settings)
    pictures = [
        (
            lap.strategy.about if lap.round < 2 else f"round {lap.round}",
            course.pictures(lap.generator, SHOWN, PICTURES),
        )
        for lap in laps
    ]
    return Result("red-queen", "Red queen", shown, stamp, {"race": draw(shown), "pictures": grid(pictures)})


def photos_of(soil: Soil, trained: Trained, watch: Watch) -> Ground:
    """The real photos on the ground of this generator, its own pictures in memory instead of a folder."""
    if soil.size != trained.family.size[0]:
        raise Refusal(f"--size {soil.size}: {trained.family.name} makes {trained.family.size[0]} px")
    return ground_of(soil, partial(watch, "reading"), {NAME: soil.size})


def race(course: Course, watch: Watch) -> list[Lap]:
    """Round 0; each strategy alone; then, round by round, the last of STRATEGIES."""
    everything = STRATEGIES[-1]
    plan = [(1, strategy) for strategy in STRATEGIES] + [(n, everything) for n in range(2, course.rules.rounds + 1)]
    watch("round 0", 0, len(plan) + 1)
    start = course.family.average
    laps = [heard(course, 0, Strategy("none", "as it was trained"), start, [start], None)]
    known, last = [start], laps[0]  # what the detectors of the last round learnt
    for number, (n, strategy) in enumerate(plan, 1):
        told = f"round {n}: {strategy.name}"
        watch(told, number, len(plan) + 1)
        opponent = laps[0] if n == 1 else last
        generator = trained_on(course, n, strategy, opponent, partial(watch, told, total=course.rules.steps))
        laps.append(heard(course, n, strategy, generator, [*known, generator], opponent))
        if strategy is everything:
            known, last = [*known, generator], laps[-1]
    return laps


def trained_on(course: Course, n: int, strategy: Strategy, opponent: Lap, watch: Callable[[int], None]) -> nn.Module:
    """The forger of a round: the opponent's generator, trained on against the opponent's detectors."""
    path = course.folder / f"{n}-{strategy.name}.safetensors"
    if path.exists():
        return stored(path, changed(opponent.generator, strategy))
    reals = np.concatenate(course.ground.real(NAME, "train"))
    seed = course.soil.seed * 100 + n
    generator = forged(
        strategy, course.family, opponent.generator, reals, opponent.critic, course.rules.steps, seed, watch
    )
    store(path, generator)
    return generator


def heard(
    course: Course, n: int, strategy: Strategy, generator: nn.Module, known: Sequence[nn.Module], opponent: Lap | None
) -> Lap:
    """What the opponent's detectors say of a generator's pictures, and new ones that learnt all of `known`."""
    most, ground = course.soil.most, course.ground
    fakes = [course.seen(each, LEARNT, most) for each in known]
    lesson = Lesson.of(ground.real(NAME, "train"), fakes)
    path = course.folder / f"{n}-{strategy.name}.network.safetensors"
    if path.exists():
        critic = stored(path, Patches(shipped().network).to(memory_format=torch.channels_last))
    else:
        critic = network.trained(lesson, course.soil.seed)
        store(path, critic)
    detectors = {p.name: p.fit(lesson, course.soil.seed) for p in PROBES if p.name != NETWORK}
    detectors = {NETWORK: network.scorer(critic)} | detectors
    reals = np.concatenate(ground.real(NAME, "test"))
    tried, first = (course.seen(each, TRIED, most) for each in (generator, course.family.average))
    asked = opponent.detectors if opponent else {}
    return Lap(
        n,
        strategy,
        generator,
        critic,
        detectors,
        before={name: score(tried) for name, score in asked.items()},
        photos_before={name: score(reals) for name, score in asked.items()},
        after={name: score(tried) for name, score in detectors.items()},
        photos_after={name: score(reals) for name, score in detectors.items()},
        first={name: score(first) for name, score in detectors.items()},
        quality=quality_of(course, generator),
    )


def quality_of(course: Course, generator: nn.Module) -> Quality:
    """Against photos of both splits, and against the first pictures of the same z."""
    made = course.pictures(generator, TRIED, QUALITY_PICTURES)
    first = course.pictures(course.family.average, TRIED, QUALITY_PICTURES)
    return Quality.of(course.photos, made, first)


def stored(path: Path, like: nn.Module) -> nn.Module:
    """Weights of a round that was run before. Raises Refusal for a file that is not."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        like.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise Refusal(f"{path} holds no such network ({str(error).splitlines()[0]}); delete it") from None
    return like.eval().requires_grad_(False)


def store(path: Path, network: nn.Module) -> None:
    from safetensors.torch import save_file

    with at_once(path) as part:
        save_file({key: tensor.contiguous() for key, tensor in network.state_dict().items()}, part)


def folder_of(out: Path, soil: Soil, rules: Rules, trained: Trained, ground: Ground) -> Path:
    """A folder for this race alone: the same photos, generator, rules and libraries."""
    told = [asdict(rules) | {"samples": 0}, soil.size, soil.launder, soil.most, soil.seed, trained.sha256]
    told += [ground.fingerprint, ground.domains, [asdict(s) for s in STRATEGIES], BATCH, version("torch")]
    folder = out / f"red-queen-{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"
    with kept_in(folder, "the race"):
        return folder
