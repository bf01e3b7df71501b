"""Truncation, seen: one point at several shares of its way from the middle, in several of its layers.

The middle is the mean w, or the nearest of some cluster centres: with photos of several kinds the mean is of no
kind at all, and truncating towards it makes everything alike (Mokady et al. 2022,
"Self-Distilled StyleGAN", section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.latent.points import Point
from generators.latent.space import Space
from generators.styled import nearer

MOST_CENTRES = 256


def centres(space: Space, n: int) -> Tensor:
    """(n, W): k-means of 10,000 w, the largest cluster first; the same each time. Raises Refusal for a silly n."""
    if not 1 <= n <= MOST_CENTRES:
        raise Refusal(f"{n} centres: give 1 to {MOST_CENTRES}")
    from sklearn.cluster import KMeans

    found = KMeans(n, n_init=1, random_state=0).fit(space.drawn.cpu().double().numpy())
    order = np.argsort(-np.bincount(found.labels_, minlength=n), kind="stable")
    return torch.from_numpy(found.cluster_centers_[order]).float().to(space.family.device)


def nearest(w: Tensor, found: Tensor) -> Tensor:
    """w (L, W), centres (n, W) → (W,): the one that is nearest to the mean of the layers."""
    return found[(found - w.mean(0)).square().sum(1).argmin()]


def row(
    space: Space, point: Point, psis: Sequence[float], cutoff: int | None = None, found: Tensor | None = None
) -> list[np.ndarray]:
    """The pictures of one point at these psi, in the first `cutoff` layers; towards its nearest centre, if given."""
    w = space.w(point)
    centre = space.mean if found is None else nearest(w, found)
    return [space.of_w(nearer(w[None], centre, psi, cutoff)[0]) for psi in psis]
