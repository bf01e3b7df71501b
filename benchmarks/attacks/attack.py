"""What a forger may do to a finished picture so that it is not told from a photo: `ATTACKS` is all of it.

Each is done to the pixels of a generated picture before it is posted anywhere, and leaves it looking as it did.
Some know the panel's own networks (white box), some only what real photos are like, some nothing.

To add one: a line in ATTACKS. A new name or a new `about` is measured anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks.attacks import texture as attacks_texture
from benchmarks.attacks.pgd import STEPS, pgd
from benchmarks.attacks.texture import Texture
from forensics import laundering
from forensics.evidence import Panel

if TYPE_CHECKING:
    from detectors.classifier.network import Network

CLASSIFIER, PATCHES = "classifier", "patches"  # detectors of the panel that are networks
HALF = 0.5


@dataclass(frozen=True)
class Known:
    """What an attacker knows: the networks of the panel by detector, and the texture of real photos by size."""

    networks: Mapping[str, Network] = field(default_factory=dict)
    reals: tuple[Texture, ...] = ()

    @classmethod
    def of(cls, panel: Panel, reals: tuple[Texture, ...]) -> Known:
        """Its networks no longer learn: a gradient is only wanted of the picture."""
        networks = {d.name: d.network for d in panel if d.name in (CLASSIFIER, PATCHES)}
        for network in networks.values():
            network.requires_grad_(False)
        return cls(networks, reals)


@dataclass(frozen=True)
class Attack:
    """One way to treat a picture. `apply(pixels, rng, known)` gives uint8 of the shape of `pixels`, (H, W, 3)."""

    name: str
    about: str
    apply: Callable[[np.ndarray, np.random.Generator, Known], np.ndarray]
    networks: tuple[str, ...] = ()  # detectors whose networks it must know
    reals: bool = False  # whether it must know what real photos are like

    def possible(self, detectors: tuple[str, ...], reals: bool) -> bool:
        """Whether a panel of these detectors has the networks, and a reference of real photos is there, if needed."""
        return set(self.networks) <= set(detectors) and (reals or not self.reals)


def untouched(pixels: np.ndarray, rng: np.random.Generator, known: Known) -> np.ndarray:
    return pixels


def against(
    names: tuple[str, ...], bound: int, pixels: np.ndarray, rng: np.random.Generator, known: Known
) -> np.ndarray:
    return pgd(pixels, rng, [known.networks[name] for name in names], bound)


def respectrum(pixels: np.ndarray, rng: np.random.Generator, known: Known) -> np.ndarray:
    return attacks_texture.respectrum(pixels, known.reals)


def regrain(pixels: np.ndarray, rng: np.random.Generator, known: Known) -> np.ndarray:
    return attacks_texture.regrain(pixels, rng, known.reals)


def resample(pixels: np.ndarray, rng: np.random.Generator, known: Known) -> np.ndarray:
    """To half its sides by area and back by Lanczos: what is finer than two pixels is gone."""
    small = laundering.resize(pixels, HALF)
    return cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LANCZOS4)


def white_box(name: str, networks: tuple[str, ...], bound: int) -> Attack:
    about = f"PGD on {' and '.join(networks)}, {STEPS} steps, at most {bound} of 255 a pixel"
    return Attack(name, about, partial(against, networks, bound), networks)


NONE = Attack("none", "as the generator made it", untouched)

ATTACKS = (
    NONE,
    white_box("pgd-2", (CLASSIFIER,), 2),
    white_box("pgd-4", (CLASSIFIER,), 4),
    white_box("pgd-both-4", (CLASSIFIER, PATCHES), 4),
    Attack(
        "spectrum", "radial power spectrum of each channel moved to real photos' of its size", respectrum, reals=True
    ),
    Attack(
        "regrain", "3×3 median, then sensor noise up to the grain of real photos of its size", regrain, reals=True
    ),
    Attack("resample", "shrunk to half by area and enlarged again by Lanczos", resample),
)


def attack_named(name: str) -> Attack:
    """One of ATTACKS: a worker is told names."""
    return next(attack for attack in ATTACKS if attack.name == name)
