"""Points of a latent space: seeds, and w that were saved; how a command's words name them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators import snapshots
from generators.forge import seeds_of
from generators.interop.pickles import one_line

MOST = 1_000  # points that one command takes
MOST_NUMBERS = 10_000_000  # of a foreign file of w


@dataclass(frozen=True, eq=False)
class Point:
    """A seed, or a w, (layers, W) or (1, W) float32, by whatever found it."""

    name: str
    seed: int | None = None
    w: Tensor | None = None
    told: dict[str, Any] = field(default_factory=dict)  # of a saved w: weights, photo, distance, ...

    @classmethod
    def of(cls, word: str | Path) -> Point:
        """One seed, or one file. Raises Refusal for anything else."""
        points = points_of([str(word)])
        if len(points) != 1:
            raise Refusal(f"{word}: {len(points)} points; name one seed or one file of a saved w")
        return points[0]


def points_of(words: Sequence[str]) -> list[Point]:
    """Each word is seeds ("7", "0-5,9") or a file: one that `save` wrote, or an .npz with w, as NVIDIA's projectors.

    Raises Refusal for words that are neither, and for too many points.
    """
    points: list[Point] = []
    for word in words:
        path = Path(word)
        if word and set(word) <= set("0123456789-, ") and not os.path.exists(path):  # Path's raises for a long name
            points += [Point(f"seed {seed}", seed) for seed in seeds_of(word)]
        else:
            points.append(read(path))
    if not 1 <= len(points) <= MOST:
        raise Refusal(f"{len(points):,} points: give 1 to {MOST:,}, as seeds (0-7,12) or files of saved w")
    return points


def save(w: Tensor, path: Path, told: dict[str, Any], noise: dict[str, Tensor] | None = None) -> None:
    """w (layers, W) as safetensors, with where it comes from, and the noise maps found with it, if any."""
    tensors = {"w": w, **{f"noise.{name}": map_ for name, map_ in (noise or {}).items()}}
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: tensor.detach().float().cpu().contiguous() for name, tensor in tensors.items()}
    snapshots.save_at_once(kept, path, told)


def read(path: Path) -> Point:
    """Raises Refusal unless `path` holds a finite w. Nothing in it is unpickled."""
    if not os.path.isfile(path):  # Path's raises for a name that is too long
        raise Refusal(
            f"{path}: no such file, and no seed; give seeds (0-7,12) or a file of `forensics latent project`"
        )
    if path.suffix == ".npz":
        return Point(path.stem, w=foreign(path))
    tensors, told = snapshots.read(path)
    w = tensors.get("w")
    if w is None or w.ndim != 2 or not w.is_floating_point():
        raise Refusal(f"{path} holds no w of rows and numbers; give a file of `forensics latent project`")
    return Point(path.stem, w=w.float(), told=told)


def foreign(path: Path) -> Tensor:
    """The array w, (1, layers, W) or (layers, W), of an .npz."""
    try:
        with zipfile.ZipFile(path) as parts:
            if sum(entry.file_size for entry in parts.infolist()) > 4 * MOST_NUMBERS:
                raise ValueError("it is too large")
        with np.load(path, allow_pickle=False) as arrays:
            w = np.asarray(arrays["w"], np.float32)
    except Exception as error:  # what zipfile, its decompressors and NumPy raise is in no one list
        raise Refusal(f"{path} holds no array named w ({one_line(error)})") from None
    w = w[0] if w.ndim == 3 and len(w) == 1 else w
    if w.ndim != 2 or not np.isfinite(w).all():
        raise Refusal(f"{path}: its w is {w.shape}; one row for each layer is needed, of finite numbers")
    return torch.from_numpy(w.copy())
