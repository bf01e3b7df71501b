"""How strongly to augment: the chance p follows how much the discriminator overfits.

Karras et al. 2020b, section 3 and appendix C: the heuristic r_t = E[sign D(photos)], over four minibatches, is
near 0 without overfitting and 1 when every photo is known by heart. Every four minibatches p moves by a fixed
amount towards r_t = 0.6, fast enough to go from 0 to 1 in 500,000 photos; it stays at or above 0.

Ours: p is capped. The paper's p may rise without bound, and from about 0.8 on augmentations threaten to leak
(section 2.2): the generator then learns to make, say, turned pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from generators.ranks import in_order, world

LEAKS_FROM = 0.8  # section 2.2: "p remains below 0.8" for leaks to be unlikely in practice


class Strength(nn.Module):
    """p, adapted. All state is in buffers.

    `target`: of r_t, None: p stays; `every`: steps of a window; `kimg`: thousands of photos in which p could go
    from 0 to 1; `cap`: p's largest value, None: none, as published.
    """

    def __init__(
        self,
        start: float = 0.0,
        target: float | None = 0.6,
        every: int = 4,
        kimg: float = 500.0,
        cap: float | None = LEAKS_FROM,
    ):
        super().__init__()
        self.target, self.every, self.kimg, self.cap = target, every, kimg, cap
        self.register_buffer("p", torch.tensor(float(start)))
        self.register_buffer("r_t", torch.tensor(0.0))  # of the last whole window
        self.register_buffer("signs", torch.tensor(0.0, dtype=torch.float64))  # sum over the window
        self.register_buffer("counted", torch.tensor(0, dtype=torch.int64))  # logits in that sum
        self.register_buffer("steps", torch.tensor(0, dtype=torch.int64))  # of the window
        self.register_buffer("since", torch.tensor(0, dtype=torch.int64))  # photos seen when it began

    @torch.no_grad()
    def notice(self, logits: Tensor) -> None:
        """Add the signs of D(photos), (N,) on each process, to the window."""
        for each in in_order(logits.sign().double().sum()):
            self.signs += each
        self.counted += world() * len(logits)

    @torch.no_grad()
    def advance(self, images_seen: int) -> None:
        """Called before every step: at the end of a window, p moves and a new window begins."""
        photos = images_seen - int(self.since)
        if photos > 0:
            self.steps += 1
            if int(self.steps) < self.every:
                return
            if int(self.counted):
                self.adapt(float(self.signs / self.counted), photos)
        for buffer in (self.signs, self.counted, self.steps):  # also where a run begins, from others' weights too
            buffer.zero_()
        self.since.fill_(images_seen)

    @torch.no_grad()
    def adapt(self, r_t: float, photos: int) -> None:
        """Move p by `photos` / (1000 kimg): up when the mean sign `r_t` is above the target, down when below."""
        self.r_t.fill_(r_t)
        if self.target is None:
            return
        direction = (r_t > self.target) - (r_t < self.target)
        self.p += direction * photos / (self.kimg * 1000)
        self.p.clamp_(min=0, max=self.cap)

    def warnings(self) -> Sequence[str]:
        """Lines for a person, when p is at its cap or where augmentations may leak."""
        p = float(self.p)
        found = []
        if p >= LEAKS_FROM - 1e-6:
            found.append(
                f"ADA p is {p:.2f}: from {LEAKS_FROM:g} on augmentations threaten to leak into the pictures (turned, "
                "shifted or recoloured ones); look at the samples, or train with a lower cap"
            )
        if self.target is not None and self.cap is not None and p >= self.cap - 1e-6:
            found.append(
                f"ADA p is at its cap of {self.cap:g}, and r_t is {float(self.r_t):.2f} for {self.target:g}: the "
                "discriminator overfits; more photos, transfer from a trained network or a larger gamma may help"
            )
        return found
