"""Stand-ins for what makes a benchmark slow: a crew without workers, and pictures too small for any face model."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


class Alone:
    """A crew without workers, which take a second each to start. What they are sent must be fit for sending."""

    def __init__(self, hold: Callable, size: int):
        self.held = hold()

    def __enter__(self) -> Alone:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, job: Callable, items: Iterable) -> Iterator[tuple]:
        job = pickle.loads(pickle.dumps(job))
        return ((item, job(self.held, pickle.loads(pickle.dumps(item)))) for item in items)


def pictures(
    folder: Path,
    mean: float | tuple[float, float, float],
    rng: np.random.Generator,
    n: int,
    sizes: Sequence[tuple[int, int]] = ((12, 12),),
    spread: float = 12,
    kind: str = "png",
) -> Path:
    """`folder` with n pictures of noise around one brightness or colour, whose (width, height) take turns."""
    folder.mkdir(parents=True)
    for i in range(n):
        width, height = sizes[i % len(sizes)]
        pixels = rng.normal(mean, spread, (height, width, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.{kind}")
    return folder
