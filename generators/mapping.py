"""The mapping network: z, and a label, become w, a latent space that may follow the data's own shape.

Karras et al. 2019, section 2: eight dense layers that learn 100 times more slowly than the rest. Labels are
embedded and joined to z (2020b, appendix C).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generators.layers import Dense, unit
from generators.ranks import in_order


class Mapping(nn.Module):
    """z (N, Z), labels (N, K) → w (N, copies, W); (N, W) when `copies` is 0.

    `latent` or `labels` may be 0: there is no such input then. The running mean of w, `w_avg` (W,), is what
    truncation pulls towards; with `w_beta` None none is kept.
    """

    def __init__(
        self,
        latent: int,
        labels: int,
        w: int,
        copies: int,
        layers: int = 8,
        width: int | None = None,
        embed: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_beta: float | None = 0.995,
    ):
        super().__init__()
        self.latent, self.labels, self.copies, self.layers, self.w_beta = latent, labels, copies, layers, w_beta
        embed = (embed or w) if labels else 0
        if labels:
            self.embed = Dense(labels, embed)
        widths = [latent + embed, *[width or w] * (layers - 1), w]
        for number in range(layers):
            self.add_module(f"fc{number}", Dense(*widths[number : number + 2], True, activation, lr_multiplier))
        if w_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w))

    def forward(
        self,
        z: Tensor | None,
        labels: Tensor | None = None,
        truncation: float = 1.0,
        cutoff: int | None = None,
        follow: bool = True,
    ) -> Tensor:
        """`truncation` scales the distance from the mean w (2019, section 3 and appendix B), in the first
        `cutoff` copies only if given. In training mode the mean follows, unless `follow` is False.
        """
        parts = [unit(z)] if self.latent else []
        if self.labels:
            if labels is None:
                raise ValueError(f"labels are needed: rows of {self.labels} numbers, one-hot or soft")
            parts.append(unit(self.embed(labels)))
        x = torch.cat(parts, 1)  # (N, Z + E)
        for number in range(self.layers):
            x = getattr(self, f"fc{number}")(x)  # (N, W)
        if self.training and follow and self.w_beta is not None:
            for mean in in_order(x.mean(0)):
                self.w_avg.copy_(mean.to(self.w_avg.dtype).lerp(self.w_avg, self.w_beta))
        if self.copies:
            x = x[:, None].repeat(1, self.copies, 1)  # (N, copies, W)
        if truncation != 1:
            x = nearer(x, self.w_avg, truncation, cutoff)
        return x


def nearer(w: Tensor, centre: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """w (N, layers, W) → the same, at psi of its distance from `centre`, (W,) or (N, 1, W).

    In the first `cutoff` layers; None: all. The truncation trick (Karras et al. 2019, section 3 and appendix B).
    """
    near = centre.to(w.dtype).lerp(w, psi)
    return near if cutoff is None else torch.cat([near[:, :cutoff], w[:, cutoff:]], 1)
