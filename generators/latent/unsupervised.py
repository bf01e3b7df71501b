"""Directions that nobody labelled: those that move the network's own layers most, and those along which w vary most.

SeFa (Shen and Zhou 2021, "Closed-Form Factorization of Latent Semantics in GANs", equations 3 to 8): unit vectors n
that maximise |A n|², A the affine maps of the chosen layers, one below the other: eigenvectors of AᵀA.
GANSpace (Härkönen et al. 2020, section 2): principal components of many w.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from forensics.refusal import Refusal
from generators.latent.direction import Direction, upright
from generators.latent.space import Space


def sefa(space: Space, n: int | None = None, layers: Sequence[int] | None = None) -> list[Direction]:
    """The first n, strongest first. `layers`: whose affine maps count, and where the directions then apply.

    Raises Refusal when none of the layers has a style, or n is not 1 to the width of w.
    """
    n = checked(space, n)
    chosen = [style.matrix for style in space.styled.styles if layers is None or style.layer in layers]
    if not chosen:
        last = max(style.layer for style in space.styled.styles)
        raise Refusal(f"no convolution reads w at layers {list(layers)}; styles are at 0 to {last}")
    a = torch.cat([matrix.detach().double().cpu() for matrix in chosen])  # (O, W)
    values, vectors = torch.linalg.eigh(a.T @ a)  # rising
    vectors, values = upright(vectors.T.flip(0)), values.flip(0).clamp_min(0)
    where = None if layers is None else tuple(layers)
    return [
        Direction.along(f"sefa-{i}", vectors[i], space, where, method="SeFa", share=float(values[i] / values.sum()))
        for i in range(n)
    ]


def pca(space: Space, n: int | None = None, layers: Sequence[int] | None = None) -> list[Direction]:
    """The first n, of 10,000 w, widest first. `layers`: where they apply."""
    n = checked(space, n)
    from sklearn.decomposition import PCA

    found = PCA(svd_solver="covariance_eigh").fit(space.drawn.double().cpu().numpy())
    vectors = upright(torch.from_numpy(found.components_))
    where = None if layers is None else tuple(layers)
    return [
        Direction.along(f"pca-{i}", vectors[i], space, where, method="PCA", share=float(share))
        for i, share in enumerate(found.explained_variance_ratio_[:n])
    ]


def checked(space: Space, n: int | None) -> int:
    width = space.styled.width
    n = width if n is None else n
    if not 1 <= n <= width:
        raise Refusal(f"{n} directions: w has {width} numbers, so give 1 to {width}")
    return n
