"""The generator in question, whatever made it: its module, its latents, and how its training photos were framed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from forensics.face import cut, inside, largest_face
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.tensors import to_pictures

Draw = Callable[[int, torch.Generator], Tensor]  # n, rng → latents (n, D) or (n, L, D), as the module is fed them
FRAMED = 0.07  # of the side: a photo whose corners are so near the frame's is framed already, and is not cut again
SQUARE = 0.02  # how far from 1 the ratio of a framed photo's sides may be
ENOUGH = 0.75  # px of the photo a px of the generator; under it the cut would be mostly interpolation
VISIBLE = 0.85  # share of the frame that must lie in the photo


@dataclass(frozen=True, eq=False)
class Suspect:
    """A generator of square pictures, on one device, in evaluation mode.

    `module`: latents (N, D) or (N, L, D) → (N, 3, size, size) float, about [-1, 1]. Differentiable; it is put into
    evaluation mode, and nothing else about it is changed. `draw` makes latents as its own pictures have them, on
    the CPU: N(0, I) of `latent` numbers unless given. A search in w finds more than one in z: where there is a
    mapping network, give the synthesis network as the module, and let `draw` map.
    `framing`: the scale of the FFHQ square (`Face.frame`) to which its training photos were cut.
    Raises Refusal for a module that gives something else.
    """

    module: nn.Module
    latent: int
    size: int  # px
    name: str
    draw: Draw | None = None
    framing: float = 1.0

    def __post_init__(self) -> None:
        self.module.eval()
        with torch.no_grad():
            images = self.module(self.latents(2, 0))
        if tuple(images.shape) != (2, 3, self.size, self.size) or not bool(images.isfinite().all()):
            raise Refusal(
                f"{self.name}: two latents became {tuple(images.shape)}; finite pictures"
                f" (2, 3, {self.size}, {self.size}) are needed, so check size, channels and latents"
            )

    @property
    def device(self) -> torch.device:
        tensors = (*self.module.parameters(), *self.module.buffers())
        return tensors[0].device if tensors else torch.device("cpu")

    @torch.no_grad()
    def latents(self, n: int, seed: int) -> Tensor:
        """(n, D) or (n, L, D), on the module's device; the same for the same seed."""
        rng = torch.Generator().manual_seed(seed)
        drawn = self.draw(n, rng) if self.draw else torch.randn(n, self.latent, generator=rng)
        return drawn.to(self.device)

    @torch.no_grad()
    def picture(self, seed: int) -> np.ndarray:
        """One of its own, (size, size, 3) uint8."""
        return to_pictures(self.module(self.latents(1, seed)))[0]

    @cached_property
    def sha256(self) -> str:
        """Of the module's tensors, with their names, as they are in memory."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.module.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
        return digest.hexdigest()

    def frame(self, photo: Photo) -> np.ndarray | str:
        """Corners (4, 2) of what the generator would draw of a photo, or one sentence on why there is nothing.

        A photo that is framed so already is taken whole: to cut it again would only blur it.
        """
        face = largest_face(photo)
        if face is None:
            return "No face was found, and a generator of faces is asked for faces only."
        frame = face.frame(self.framing)
        side = float(np.linalg.norm(frame[3] - frame[0]))
        if side < ENOUGH * self.size:
            return (
                f"The face fills {side:.0f} px as {self.name} frames faces; {ENOUGH * self.size:.0f} px are needed"
                f" to compare it with pictures of {self.size} px."
            )
        width, height = photo.width, photo.height
        whole = np.array([(0, 0), (0, height), (width, height), (width, 0)], dtype=np.float32)
        if abs(width / height - 1) <= SQUARE and np.abs(frame - whole).max() <= FRAMED * side:
            return whole
        if inside(frame, photo) < VISIBLE:
            return f"A part of the face as {self.name} frames faces lies outside the photo."
        return frame

    def cut(self, photo: Photo, frame: np.ndarray) -> np.ndarray:
        """What is within a frame, (size, size, 3) uint8."""
        return cut(photo.pixels, frame, self.size)
