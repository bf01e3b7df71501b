"""From features to one score: a logit for each cell of the grid, averaged.

The average makes the map of logits the score itself, spread over the picture: what a person sees in the
heat map is what was decided, nothing is explained afterwards.
"""

from __future__ import annotations

from torch import Tensor, nn


class PatchHead(nn.Module):
    """(N, C, h, w) features → (N, h, w) logits, one a cell; each sees its own cell's features only.

    hidden: width of the layer between, 0 = none. dropout: on its input, while training.
    """

    def __init__(self, channels: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        between = [nn.Conv2d(channels, hidden, 1), nn.ReLU()] if hidden else []
        last = nn.Conv2d(hidden or channels, 1, 1)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(nn.Dropout2d(dropout), *between, last)

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)[:, 0]  # (N, h, w)


def score(logits: Tensor) -> Tensor:
    """(N, h, w) → (N,): the mean logit, natural log-odds of "generated" on the training mix."""
    return logits.mean((1, 2))
