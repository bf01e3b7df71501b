"""How far a distance between two sets would move with other pictures: it is measured again on random halves.

Of n pictures, n/2 drawn without replacement vary as much around all n as all n vary around their source (half
samples: McCarthy 1969; why it holds: Politis, Romano & Wolf 1999, chapter 2). The bootstrap is no help here: it
draws pictures twice, and a picture's copy is its nearest neighbour and its own best match under a kernel. Halves
have another bias than wholes, so only their spread is used, not where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Metrics = Callable[[np.ndarray, np.ndarray], Sequence[float]]  # real, generated → numbers
ROUNDS = 40  # the spread is known to about 11 %


def spread(metrics: Metrics, real: np.ndarray, generated: np.ndarray, rounds: int, seed: int = 0) -> np.ndarray:
    """Standard deviations, (M,), of what `metrics` gives for other sets (N, D) and (N', D); at least 2 rounds."""
    rng = np.random.default_rng(seed)

    def half(points: np.ndarray) -> np.ndarray:
        return points[np.sort(rng.permutation(len(points))[: len(points) // 2])]

    return np.std([metrics(half(real), half(generated)) for _ in range(rounds)], axis=0, ddof=1)
