"""Perceptual path length of a generator: how far its picture moves on a step of ε along a path between two latents.

Karras et al. 2019, section 4.1: paths lead along the sphere in z, straight in w, and are looked at anywhere ("full")
or at their beginning ("end"). Change is the squared distance in a feature space, not LPIPS, so it is "PPL-like".
A path is a function of its number: the same latents in all spaces, on all machines. Noise inputs are constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from benchmarks.fidelity.feature_rows import FeatureRows
from forensics.features import FeatureSpace
from forensics.path_length import slerp, steepness
from generators.styled import Styled
from generators.trained import Trained

EPSILON = 1e-4
AT_ONCE = 25  # paths; two pictures each
Space = Literal["z", "w"]
Part = Literal["full", "end"]


def spaces_of(trained: Trained) -> tuple[Space, ...]:
    """Latent spaces that a generator has: w only behind a mapping network."""
    return get_args(Space) if isinstance(trained.family, Styled) else ("z",)


def steps(
    trained: Trained,
    space: FeatureSpace,
    latent: Space,
    part: Part,
    n: int,
    kept: FeatureRows,
    watch: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """|f(t + ε) - f(t)|² / ε² of the paths 0 to n - 1, (n,) float32; those in `kept` are not walked again."""
    where = trained.family.device.type
    keys = {f"{trained.sha256} {where} path in {latent}, {part}, {EPSILON}: {i}": i for i in range(n)}

    def walked(part_of: Sequence[str]) -> np.ndarray:
        return moved(trained, space, latent, part, [keys[key] for key in part_of])[:, None]

    return kept.fill(list(keys), walked, AT_ONCE, watch)[:, 0]


def moved(trained: Trained, space: FeatureSpace, latent: Space, part: Part, paths: Sequence[int]) -> np.ndarray:
    """The same of these paths, (N,) float64, both ends of all steps in one batch."""
    ends = [path(trained, number) for number in paths]
    first, last, at, labels = (np.stack(rows) for rows in zip(*ends, strict=True))
    at = at if part == "full" else np.zeros_like(at)
    given = torch.from_numpy(labels).to(trained.family.device) if trained.classes else None
    both = None if given is None else torch.cat([given, given])
    with torch.inference_mode():
        if latent == "z":
            z = np.concatenate([along(first, last, at), along(first, last, at + EPSILON)])
            images = trained.family.sample(as_latents(trained, z), both)
        else:
            begin, end = (trained.family.to_w(as_latents(trained, z), given).double() for z in (first, last))
            share = torch.from_numpy(at).to(begin.device)[:, :, None]  # (N, 1, 1)
            w = torch.cat([torch.lerp(begin, end, share), torch.lerp(begin, end, share + EPSILON)])
            images = trained.family.from_w(w.float())
        seen = space(images).double().cpu().numpy()
    return steepness(seen[: len(paths)], seen[len(paths) :], EPSILON)


def path(trained: Trained, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The ends in z, (Z,) each, the place that is looked at, (1,) in [0, 1), and the label, (K,), of a path."""
    rng = torch.Generator().manual_seed(number)
    first, last = trained.family.draw(2, rng).double().numpy()
    label = np.zeros(len(trained.classes), np.float32)
    if trained.classes:
        label[trained.label_of(number)] = 1
    return first, last, torch.rand(1, generator=rng, dtype=torch.float64).numpy(), label


def along(first: np.ndarray, last: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(N, Z) at shares (N, 1) of the way: direction along the sphere, length from one end's to the other's."""
    begin, end = (np.linalg.norm(z, axis=1, keepdims=True) for z in (first, last))
    return slerp(first, last, at) * (begin + (end - begin) * at)


def as_latents(trained: Trained, z: np.ndarray) -> Tensor:
    return torch.from_numpy(z).float().to(trained.family.device)
