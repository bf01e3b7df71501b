"""A frequency cue: numbers of a photo's region, one linear model over them, and what they say in words.

    value(k)                                        what the cue measures, at native pixels
    level(k) = value(k) − b(k)·s(k) − c(k)·s(k)²    s: log2 of the JPEG steps behind it; what is expected of them goes
    z        = (level − mean) / scale, within ±4
    score    = w · z + v · z² + bias                a logistic regression, fitted by `fitting.py`

A subclass measures, draws and speaks; model, weights file and contract are here once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from detectors.frequency.plot import Chart, Plot
from detectors.frequency.region import LEAST, Region, region
from forensics.evidence import Evidence, Mark, silent
from forensics.face import largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal

LIMIT = 4.0  # standard deviations: beyond it a photo is unlike all that was fitted, and says no more
CAVEATS = (
    "Resizing, sharpening and encoding change the fine structure of any picture; the fit saw such, not yours.",
    "Differences between sources of real photos can be as large as those between camera and generator.",
)


@dataclass(frozen=True)
class Model:
    """What was fitted. Each (K,) float32, in the cue's own units: squares of `z` have weights of their own."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    square_weights: np.ndarray
    bias: np.ndarray  # (1,)
    real_mean: np.ndarray
    real_low: np.ndarray  # a tenth of the real training photos lie under it
    real_high: np.ndarray
    fake_mean: np.ndarray
    fake_low: np.ndarray
    fake_high: np.ndarray
    slopes: np.ndarray | None = None  # (2, K): b and c above; None: JPEG steps were not looked at

    def levels(self, values: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Values (..., K) less what JPEG steps (..., K) in log2 are expected to add."""
        if self.slopes is None:
            return values
        return values - self.slopes[0] * steps - self.slopes[1] * steps**2

    def score(self, levels: np.ndarray) -> float:
        z = np.clip((levels - self.mean) / self.scale, -LIMIT, LIMIT)
        return float(z @ self.weights + z**2 @ self.square_weights + self.bias[0])


class Cue:
    """The detector of one cue: its subclasses keep `forensics.evidence.Detector`."""

    name: ClassVar[str]
    question: ClassVar[str]
    scores: ClassVar[bool] = True
    size: ClassVar[int]  # K
    method: ClassVar[str]  # what is measured, for the card
    chart: ClassVar[Chart]

    def __init__(self, model: Model, weights: str | None = None):
        self.model = model
        self.weights = weights

    @staticmethod
    def values(region: Region) -> np.ndarray | None:
        """(K,) float: what the cue measures; None where there is nothing to measure. Raises nothing."""
        raise NotImplementedError

    @classmethod
    def steps(cls, region: Region) -> np.ndarray:
        """(K,) float: log2 of the JPEG steps that bear on each value; here the mean over all frequencies."""
        return np.full(cls.size, region.steps.ravel()[1:].mean(), dtype=np.float32)

    def finding(self, levels: np.ndarray, where: str) -> str:
        """One sentence on `levels` (K,), as the chart shows them. `where`: "the face" or "the picture"."""
        raise NotImplementedError

    @classmethod
    def load(cls, weights: Path) -> Self:
        """Read `NAME.safetensors` in a folder. Raises Refusal when it is missing or not ours."""
        from safetensors.numpy import load

        path = Path(weights) / f"{cls.name}.safetensors"
        if not path.exists():
            raise Refusal(f"{path} is missing; run `make weights` or name a folder that holds it")
        data = path.read_bytes()
        try:
            model = Model(**load(data))
            if model.mean.shape != (cls.size,):
                raise ValueError(f"{model.mean.shape[0]} numbers instead of {cls.size}")
        except Exception as error:
            raise Refusal(f"{path} is no {cls.name} model ({error}); run `make weights`") from None
        return cls(model, hashlib.sha256(data).hexdigest())

    def examine(self, photo: Photo) -> Evidence:
        if min(photo.width, photo.height) < LEAST:
            size = f"{photo.width}x{photo.height}"
            return silent(self.name, f"The photo is {size} px; {self.name} needs {LEAST} px a side.")
        seen = region(photo)
        if seen is None:
            return silent(self.name, f"At the size of known faces the photo is under {LEAST} px a side.")
        values = None if seen.blank else self.values(seen)
        if values is None:
            return silent(self.name, "The picture is blank: there is no noise or texture to measure.")
        levels = self.model.levels(values, self.steps(seen))
        return Evidence(
            self.name,
            self.model.score(levels),
            self.finding(levels, "the face" if seen.on_face else "the picture"),
            self.marks(photo) if seen.on_face else (),
            partial(self.plot.draw, levels),
            caveats=CAVEATS,
        )

    def marks(self, photo: Photo) -> tuple[Mark, ...]:
        """The face, in pixels of the photo itself."""
        face = largest_face(photo)
        left, right = np.clip((face.box[0], face.box[2]), 0, photo.width)
        top, bottom = np.clip((face.box[1], face.box[3]), 0, photo.height)
        if right <= left or bottom <= top:
            return ()
        return (Mark(f"{self.name} of this area", int(left), int(top), int(right - left), int(bottom - top)),)

    @cached_property
    def plot(self) -> Plot:
        model = self.model
        real = (model.real_mean, model.real_low, model.real_high)
        return Plot(self.chart, real, (model.fake_mean, model.fake_low, model.fake_high))
