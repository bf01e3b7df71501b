"""What all published detectors share: weights from a folder, one number, one sentence, one picture."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from detectors.published import checkpoint
from detectors.published.manifest import Manifest, published_folder
from detectors.published.views import View
from forensics.evidence import Evidence, silent
from forensics.photo import Photo


class PublishedDetector(ABC):
    """A method from a paper, with its authors' weights. Keeps `forensics.evidence.Detector`.

    Score: the network's logit, its sign turned where high means real, so that higher is more like a fake;
    uncalibrated. Silent where the photo holds no such view, or the view is blank. No part of the verdict.
    """

    name: ClassVar[str]
    question: ClassVar[str] = "What does this published method say?"
    scores: ClassVar[bool] = True
    manifest: ClassVar[Manifest]
    marked: ClassVar[str] = "what the network saw"

    def __init__(self, network: nn.Module, weights: str | None = None, variant: str = ""):
        self.network = network
        self.weights = weights
        self.variant = variant

    @classmethod
    def load(cls, weights: Path | None = None) -> Self:
        """From a folder, `published_folder()` if none is named. Raises Refusal for missing, wrong or unsafe files.

        `weights` becomes the sha256 of the file; of several files, that of their digests one after the other.
        """
        folder = published_folder() if weights is None else weights
        digests, networks, variant = [], [], ""
        for manifest in (cls.manifest, *cls.manifest.needs):
            path, its = checkpoint.find(folder, manifest)
            variant = variant or its
            digests.append(checkpoint.digest_of(path))
            networks.append(cls.read(path, manifest))
        digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        return cls(cls.assembled(networks), digest, variant)

    @classmethod
    def read(cls, path: Path, manifest: Manifest) -> nn.Module:
        """One file of weights as a network. Raises Refusal."""
        state = checkpoint.read(path, manifest)
        with torch.device("meta"):  # no memory, no random numbers: all comes from the file
            network = cls.built(state)
        return checkpoint.fill(network, state, path, manifest)

    @classmethod
    @abstractmethod
    def built(cls, state: dict[str, Tensor]) -> nn.Module:
        """The network for a checkpoint; `state` is there for those whose sizes are the file's to say."""

    @classmethod
    def assembled(cls, networks: list[nn.Module]) -> nn.Module:
        """The one network of all files' networks."""
        return networks[0]

    @abstractmethod
    def view(self, photo: Photo) -> View | str:
        """What the network will see, or one sentence on why there is nothing to see."""

    @abstractmethod
    def output(self, pixels: np.ndarray) -> np.ndarray:
        """The network's logits for one view (h, w, 3) uint8: any shape; their mean is the answer."""

    def exhibit(self, view: View, logits: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8: what the network saw."""
        return np.array(view.pixels)

    @torch.inference_mode()
    def examine(self, photo: Photo) -> Evidence:
        view = self.view(photo)
        if isinstance(view, str):
            return silent(self.name, view, *self.caveats)
        if np.ptp(view.pixels.reshape(-1, 3), axis=0).max() == 0:
            return silent(self.name, "The picture is blank where the network looks.", *self.caveats)
        logits = self.output(view.pixels) * (1 if self.manifest.high_means == "generated" else -1)
        score, line = float(logits.mean(dtype=np.float64)), self.manifest.threshold
        return Evidence(
            self.name,
            score,
            f"{self.manifest.title} ({self.manifest.year}) scores {score:+.2f},"
            f" {'above' if score > line else 'not above'} the {line:+.2f} over which its authors call a photo"
            " generated; published detector, not part of the verdict.",
            view.mark(self.marked, photo),
            self.exhibit(view, logits),
            caveats=self.caveats,
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        return (
            f"Trained on {self.manifest.trained_on}; of other generators and after re-posting it may say anything.",
            "Its score is its own: not calibrated here, and not comparable with other detectors' scores.",
        )
