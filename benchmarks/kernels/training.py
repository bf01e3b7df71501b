"""Seconds that training takes for 1000 images: all phases and optimisers' steps, lazy ones by their share.

On the twins, on the kernels, and where a family can with launches replayed, in each type of number; StyleGAN2 with
lazy R1 and path lengths, and StyleGAN2-ADA with augmentations at p = 0.5 as well. benchmarks/throughput/generation.py
times a step.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch

from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, Failed
from benchmarks.kernels.networks import GRAPH, KERNELS, PRECISIONS, TWINS, called, on
from benchmarks.throughput.generation import Job, taught
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA

LONGER = 3  # times the seconds of other figures: a phase takes a good part of one


@dataclass(frozen=True)
class Student:
    """A family at a preset, and how many pictures it learns from at once."""

    family: type[StyleGAN2]
    preset: str
    batch: int

    @property
    def name(self) -> str:
        return f"{self.family.name} {self.preset}"

    @property
    def side(self) -> int:
        return self.family.presets[self.preset].resolution

    def built(self, device: str) -> StyleGAN2:
        torch.manual_seed(0)
        return self.family(self.family.presets[self.preset]).to(device)


STUDENTS = (
    Student(StyleGAN2ADA, "paper256", 32),
    Student(StyleGAN2ADA, "paper1024", 8),
    Student(StyleGAN2, "256", 32),
    Student(StyleGAN2, "1024", 8),
)
SMALL = (Student(StyleGAN2ADA, "tiny", 4), Student(StyleGAN2, "tiny", 4))


@dataclass(frozen=True)
class Taught:
    """Seconds for 1000 images of `side` px, `batch` at once."""

    student: str
    side: int
    batch: int
    precision: str
    way: str
    seconds: float | Failed


def training(asked: Asked, attempt: Attempts) -> Iterator[Taught]:
    for student in SMALL if asked.small else STUDENTS:
        family = attempt(f"building {student.name}", partial(student.built, asked.device))
        for precision in PRECISIONS:
            for way in (TWINS, KERNELS, GRAPH) if student.family.replayable else (TWINS, KERNELS):
                name = f"training {student.name}, {student.batch} at once, {precision}, {way}"
                work = partial(seconds_a_thousand, family, student, precision, way, asked)
                found = family if isinstance(family, Failed) else attempt(name, work)
                shown = called(way, asked.gpu)
                yield Taught(student.name, student.side, student.batch, precision, shown, found)
        del family
        gc.collect()


def seconds_a_thousand(family: StyleGAN2, student: Student, precision: str, way: str, asked: Asked) -> float:
    """Raises RuntimeError where kernels are asked for and off."""

    def job(seconds: float) -> Job:
        return Job(
            student.family.name, student.preset, asked.device, seconds, precision=precision, graphs=way == GRAPH
        )

    with on(way, precision, asked.gpu):
        taught(family, student.batch, job(0.0))  # each phase once: compiles kernels, allocates
        return 1000 / taught(family, student.batch, job(LONGER * asked.seconds))
