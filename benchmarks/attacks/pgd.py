"""White-box attack: a picture is changed by a few grey levels so that the panel's own networks score it lower.

Projected gradient descent in the L∞ ball (Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial
Attacks"): a random start, then steps of α = 2.5 ε / steps against the gradient's sign, each brought back into the
ball. The gradient runs from the scores through each network's own view of the face, resampling included, to the
photo's pixels. JPEG has no gradient: it is done in earnest forwards and passed over backwards (Athalye et al. 2018,
"Obfuscated Gradients", BPDA).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from forensics import laundering
from forensics.face import Face, find_faces
from forensics.view import LARGEST_FACE, QUALITY

if TYPE_CHECKING:
    from torch import Tensor

    from detectors.classifier.network import Network, NetworkConfig

STEPS = 10
STRIDE = 2.5  # α · steps / ε: enough to cross the ball and come back


def pgd(
    pixels: np.ndarray,
    rng: np.random.Generator,
    networks: Sequence[Network],
    bound: int,
    steps: int = STEPS,
) -> np.ndarray:
    """(H, W, 3) uint8 at most `bound` grey levels from `pixels`, scored lower by the sum of the networks' scores.

    Pixels that no network looks at stay as they are, and so does a picture without a face that one of them would
    judge.
    """
    import torch

    score = looking_at(pixels, networks)
    if score is None:
        return pixels
    clean = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)  # (3, H, W) in [0, 255]
    change = torch.from_numpy(rng.uniform(-bound, bound, clean.shape).astype(np.float32))
    looked_at = torch.zeros(clean.shape, dtype=torch.bool)
    for _ in range(steps):
        shown = (clean + change).clamp(0, 255).requires_grad_()
        (slope,) = torch.autograd.grad(score(shown), shown)
        looked_at |= slope != 0
        change = (change - STRIDE * bound / steps * slope.sign()).clamp(-bound, bound)
    found = (clean + change * looked_at).round().clamp(0, 255)  # `bound` is whole: rounding stays within it
    return np.ascontiguousarray(found.to(torch.uint8).permute(1, 2, 0).numpy())


def looking_at(pixels: np.ndarray, networks: Sequence[Network]) -> Callable[[Tensor], Tensor] | None:
    """What gives the networks' summed scores for a picture like `pixels`, from its (3, H, W) float in [0, 255].

    Differentiable, and what detectors/classifier computes, with the face where it is in `pixels`. None where no
    network would judge the face.
    """
    taken, face = at_known_size(pixels)
    able = [network for network in networks if face and face.height >= network.config.min_face]
    views = [(network, view_of(network.config, taken.shape, face)) for network in able]
    views = [(network, view) for network, view in views if view]
    if not views:
        return None

    def score(shown: Tensor) -> Tensor:
        if taken is not pixels:
            shown = through_jpeg(shrunk(shown, taken.shape), QUALITY)
        return sum(network(view(shown) / 127.5 - 1).mean() for network, view in views)

    return score


def at_known_size(pixels: np.ndarray) -> tuple[np.ndarray, Face | None]:
    """The picture as `forensics.view` shows it to the networks, and its largest face there."""
    face = largest(pixels)
    if face is None or face.height <= LARGEST_FACE:
        return pixels, face
    smaller = laundering.jpeg(laundering.resize(pixels, LARGEST_FACE / face.height), QUALITY)
    return smaller, largest(smaller)


def largest(pixels: np.ndarray) -> Face | None:
    return next(iter(find_faces(pixels)), None)


def view_of(config: NetworkConfig, shape: tuple[int, ...], face: Face) -> Callable[[Tensor], Tensor] | None:
    """What makes (N, 3, size, size), the network's views (classifier/views.py), of a picture of `shape` (H, W, ...).

    None where the face is too small for patches.
    """
    import torch

    from detectors.classifier.views import windows

    square, size = face.frame(config.scale), config.size
    if config.view == "whole":

        def whole(shown: Tensor) -> Tensor:
            view = cut(shown, square, size)
            return torch.stack([view, view.flip(-1)])

        return whole
    places = windows(shape, square, size)

    def patches(shown: Tensor) -> Tensor:
        return torch.stack([shown[:, y : y + size, x : x + size] for y, x in places])

    return patches if places else None


def cut(shown: Tensor, frame: np.ndarray, size: int) -> Tensor:
    """`forensics.face.cut` with a gradient: the square `frame` (4, 2) of (3, H, W) → (3, size, size)."""
    import torch
    from torch.nn.functional import grid_sample

    shrink = size / max(float(np.linalg.norm(frame[3] - frame[0])), 1e-6)
    height, width = shown.shape[1:]
    if shrink < 1:
        reduced = max(1, round(width * shrink)), max(1, round(height * shrink))
        shown = shrunk(shown, reduced[::-1])
        frame = frame * (np.array(reduced, dtype=np.float32) / (width, height))
        width, height = reduced
    corners = np.array([(0, 0), (0, size), (size, size)], dtype=np.float32)
    back = cv2.getAffineTransform(corners, frame[:3].astype(np.float32))  # from the view to the picture
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    places = np.stack([across, down, np.ones_like(across)], -1) @ back.T  # (size, size, 2) px
    grid = torch.from_numpy((places / (max(width - 1, 1), max(height - 1, 1)) * 2 - 1).astype(np.float32))
    return grid_sample(shown[None], grid[None], mode="bilinear", padding_mode="reflection", align_corners=True)[0]


def shrunk(shown: Tensor, shape: tuple[int, ...]) -> Tensor:
    """(3, H, W) → (3, h, w), h ≤ H, w ≤ W: each pixel the mean of the area that it covers, as OpenCV's INTER_AREA."""
    import torch

    for after in shape[:2]:  # down, then across: each time the middle axis is shrunk and goes last
        channels, before, other = shown.shape
        weights = torch.from_numpy(covered(before, after)).to_sparse()  # hardly any pixel lies in two others
        lines = shown.transpose(0, 1).reshape(before, channels * other)
        shown = torch.sparse.mm(weights, lines).reshape(after, channels, other).permute(1, 2, 0)
    return shown


def covered(before: int, after: int) -> np.ndarray:
    """(after, before) float32, rows sum to 1: how much of each old pixel lies in each new one."""
    edges = np.arange(after + 1) * before / after
    old = np.arange(before)
    overlap = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return (overlap.clip(0) * after / before).astype(np.float32)


def through_jpeg(shown: Tensor, quality: int) -> Tensor:
    """(3, H, W) in [0, 255] through a JPEG 4:2:0; its gradient is taken for the identity's."""
    import torch

    pixels = shown.detach().round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    coded = torch.from_numpy(laundering.jpeg(pixels, quality)).permute(2, 0, 1).float()
    return shown + (coded - shown).detach()
