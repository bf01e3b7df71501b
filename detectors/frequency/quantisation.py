"""Which JPEG steps a picture's luminance was last rounded to: from its file, or from its own coefficients.

A JPEG file tells its steps. A picture that was a JPEG before it became a PNG or a screenshot still shows
them: the 8×8 DCT coefficients on the file's grid lie near multiples of the steps (Fan & de Queiroz 2003,
"Identification of bitmap compression history", section III). Only libjpeg's tables are looked for.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from detectors.structure.tables import libjpeg

SIDE = 8  # px of a JPEG block
QUALITIES = np.arange(97, 29, -1)  # above, steps are 1 and nothing can be seen; of equals the best is taken
NOISE = 0.45  # of a coefficient: decoders round luminance, then red, green and blue, to whole grey levels
LOST = 0.1  # share of coefficients that follow no step: clipped blocks, edits
LEAST = 2.0  # smaller coefficients are near 0 whatever the step
EVIDENT = 0.05  # log-likelihood a coefficient by which a table must beat "never rounded"
MOST = 576  # blocks that are looked at
_PLACES = [(u, v) for u in range(5) for v in range(5) if 0 < u + v < 5]  # (row, column): low ones are seldom 0
BASIS = cv2.dct(np.eye(SIDE, dtype=np.float32), flags=cv2.DCT_ROWS).T  # BASIS @ block @ BASIS.T is its DCT


def coefficients(luminance: np.ndarray) -> np.ndarray:
    """8×8 DCT (orthonormal, as in JPEG) of (8·M, 8·N) grey levels → (M·N, 8, 8) float32."""
    high, wide = luminance.shape[0] // SIDE, luminance.shape[1] // SIDE
    levels = np.ascontiguousarray(luminance, dtype=np.float32).reshape(high, SIDE, wide, SIDE)
    return (BASIS @ levels.transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)) @ BASIS.T


def estimate(dct: np.ndarray) -> np.ndarray | None:
    """(N, 8, 8) coefficients on the grid → the (8, 8) libjpeg steps they were rounded to; None = none evident.

    Maximum likelihood over libjpeg qualities 30 to 97, the steps of its table at once.
    """
    dct = dct[:: -(-len(dct) // MOST)]
    gain, used = np.zeros(len(QUALITIES)), 0
    for u, v in _PLACES:
        values = np.abs(dct[:, u, v])
        values = values[values > LEAST]
        used += len(values)
        steps, of = _steps(u, v)
        off = values[:, None] - steps * np.round(values[:, None] / steps)
        rounded = steps * np.exp(-0.5 * (off / NOISE) ** 2) / (NOISE * np.sqrt(2 * np.pi))
        gain += np.log((1 - LOST) * rounded + LOST).sum(0)[of]
    best = int(np.argmax(gain))
    if used == 0 or gain[best] / used < EVIDENT:
        return None
    return libjpeg(int(QUALITIES[best]))[0]


@cache
def _steps(u: int, v: int) -> tuple[np.ndarray, np.ndarray]:
    """The different steps of one frequency over all qualities, (S,) float32; which of them each quality has."""
    steps, of = np.unique([libjpeg(int(quality))[0][u, v] for quality in QUALITIES], return_inverse=True)
    return steps.astype(np.float32), of
