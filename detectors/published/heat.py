"""A map of logits over a picture: red where it looks like a generator's, blue where like a camera's."""

from __future__ import annotations

import cv2
import numpy as np

LIKE_GENERATOR, LIKE_CAMERA = (214, 69, 48), (44, 104, 196)  # RGB, the classifier's
SIDE = 512  # px of the picture shown
INK = (40, 40, 40)


def heat_map(view: np.ndarray, logits: np.ndarray, stride: int, field: int) -> np.ndarray:
    """(548, 512, 3) uint8: a square view (S, S, 3) in grey under the colours of its patches, and a caption.

    logits: (h, w); patch (i, j) sees `field` px from row stride·i and column stride·j on, and colours the
    `stride` px in its middle. A colour is full at the 99th percentile of the map's own strength.
    """
    size = view.shape[0]
    full = max(float(np.percentile(np.abs(logits), 99)), 1e-6)
    colour = np.where(logits[..., None] > 0, LIKE_GENERATOR, LIKE_CAMERA)
    cells = np.concatenate([colour, 0.6 * np.clip(np.abs(logits) / full, 0, 1)[..., None]], -1)
    spread = cells.repeat(stride, 0).repeat(stride, 1)
    layer, first = np.zeros((size, size, 4)), (field - stride) // 2
    seen = layer[first : first + spread.shape[0], first : first + spread.shape[1]]
    seen[:] = spread[: seen.shape[0], : seen.shape[1]]
    alpha = layer[..., 3:]
    grey = np.repeat(cv2.cvtColor(np.ascontiguousarray(view), cv2.COLOR_RGB2GRAY)[..., None], 3, -1)
    mixed = (grey * (1 - alpha) + layer[..., :3] * alpha).round().astype(np.uint8)
    caption = np.full((36, SIDE, 3), 255, np.uint8)
    x = 8
    words = (("like a generator", LIKE_GENERATOR), ("like a camera", LIKE_CAMERA), (f"full at {full:.2g}", INK))
    for text, ink in (*words, (f"mean {logits.mean():+.2f}", INK)):
        cv2.putText(caption, text, (x, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, 1, cv2.LINE_AA)
        x += cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0] + 16
    return np.concatenate([cv2.resize(mixed, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST), caption])
