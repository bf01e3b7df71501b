"""Projection: the latents whose picture comes nearest to a given one.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", appendix D: Adam from the mean latent,
the step size ramped up and down, and noise on the latents that decays, so that the search first looks around.
The generator is any module; nothing is asked of it but latents (N, D) or (N, L, D) → pictures (N, 3, S, S), about
[-1, 1]. Different from the paper, for generators without a mapping network, whose valleys lead nowhere: a second
start at the nearest of some drawn pictures, and latents that leave the region where drawn ones lie are pulled
back, so that nothing is found that the generator never draws.

The same module, picture, settings and number of threads give the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from detectors.known.distance import Distance
from detectors.known.noise import correlation, noise_maps, renormalise

Watch = Callable[[int, int, float, Tensor], object]  # steps done, steps in all, distance, picture; False ends it
RAMP_UP, RAMP_DOWN, QUIET = 0.05, 0.25, 0.75  # shares of the steps; from QUIET on the latents have no noise
SMALL, BATCH = 16, 64  # px at which drawn pictures are compared; so many are drawn at once


@dataclass(frozen=True)
class Settings:
    """How hard is looked."""

    steps: int = 60  # of each start
    starts: int = 2  # the mean latent, then the nearest drawn ones
    drawn: int = 256  # pictures among which starts are looked for
    step_size: float = 0.1  # Adam's, in units of the latents' spread
    noise: float = 0.05  # at first, as a share of the length of the whole spread
    pull: float = 1.0  # on latents outside the region
    pixel_weight: float = 1.0  # of the pixels, beside the network's distance
    noise_maps: bool = False  # let the generator's noise maps be unknowns too
    noise_weight: float = 1e5
    seed: int = 0


@dataclass(frozen=True)
class Region:
    """Where a generator's latents lie."""

    mean: Tensor  # (D) or (L, D)
    spread: Tensor  # the same: standard deviation of each number
    reach: float  # 99 % of latents are no further away, see `away`
    drawn: Tensor  # (n, D) or (n, L, D): some of them,
    small: Tensor  # (n, 3, 16, 16): and their pictures, small

    @classmethod
    @torch.no_grad()
    def of(cls, module: nn.Module, latents: Tensor, settings: Settings) -> Region:
        """From latents drawn as the generator's own pictures have them; the paper takes 10,000."""
        mean, spread = latents.mean(0), latents.std(0).clamp_min(1e-6)
        drawn = latents[: settings.drawn]
        small = torch.cat([F.adaptive_avg_pool2d(module(part), SMALL) for part in drawn.split(BATCH)])
        whole = cls(mean, spread, math.inf, drawn, small)
        return cls(mean, spread, float(whole.away(latents).quantile(0.99)), drawn, small)

    def away(self, latents: Tensor) -> Tensor:
        """(N,): mean square distance from the mean, each number in its own spread."""
        return ((latents - self.mean) / self.spread).flatten(1).square().mean(1)

    @property
    def unit(self) -> float:
        """Root mean square spread: one number, so that directions keep their lengths."""
        return float(self.spread.square().mean().sqrt())

    def starts(self, target: Tensor, n: int) -> list[Tensor]:
        """n latents (D) or (L, D): the mean, then those of the nearest drawn pictures."""
        gaps = (self.small - F.adaptive_avg_pool2d(target, SMALL)).square().mean((1, 2, 3))
        return [self.mean, *(self.drawn[i] for i in gaps.argsort(stable=True)[: n - 1])]


@dataclass(frozen=True)
class Projection:
    """Where a search ended."""

    latents: Tensor  # (D) or (L, D)
    picture: Tensor  # (3, S, S)
    distance: float  # from the target, see `Distance`
    curve: tuple[float, ...]  # distance at each step of the start that ended nearest
    finished: bool  # False: `watch` ended it
    maps: Mapping[str, Tensor] = field(default_factory=dict)  # noise maps that were unknowns, as found


def schedule(done: float, settings: Settings) -> tuple[float, float]:
    """Step size and noise, each in its unit of `Settings`, after a share `done` in [0, 1] of the steps."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - done) / RAMP_DOWN))
    return settings.step_size * down * min(1.0, done / RAMP_UP), settings.noise * max(0.0, 1 - done / QUIET) ** 2


def project(
    module: nn.Module,
    target: Tensor,
    region: Region,
    settings: Settings = Settings(),
    watch: Watch = lambda done, total, distance, picture: None,
) -> Projection:
    """The nearest picture to `target`, (1, 3, S, S) in [-1, 1], of all starts."""
    distance, best = Distance(target, settings.pixel_weight), None
    rng = torch.Generator().manual_seed(settings.seed)
    total = settings.starts * settings.steps
    for number, start in enumerate(region.starts(target, settings.starts)):

        def told(step: int, now: float, picture: Tensor, before: int = number * settings.steps) -> object:
            return watch(before + step, total, now, picture)

        found = descend(module, distance, region, start, settings, rng, told)
        if best is None or found.distance < best.distance:
            best = found
        if not found.finished:
            return replace(best, finished=False)
    return best


def descend(
    module: nn.Module,
    distance: Distance,
    region: Region,
    start: Tensor,
    settings: Settings,
    rng: torch.Generator,
    watch: Callable[[int, float, Tensor], object],
) -> Projection:
    """One search from one start. The nearest picture is that of a step whose latents had no noise."""
    unit = region.unit
    length = unit * math.sqrt(start.shape[-1])  # of the whole spread
    latents = start[None].clone().requires_grad_(True)
    maps = unknown_maps(module) if settings.noise_maps else {}
    unknowns = [latents, *maps.values()]
    descent = torch.optim.Adam(unknowns)
    curve, nearest, going = [], None, True
    for step in range(settings.steps + 1):
        size, noise = schedule(step / settings.steps, settings)
        descent.param_groups[0]["lr"] = size * unit
        shaken = latents + torch.randn(latents.shape, generator=rng).to(latents) * length * noise
        picture = functional_call(module, maps, (shaken,))  # (1, 3, S, S)
        gap = distance(picture).sum()
        curve.append(float(gap.detach()))
        if noise or nearest is None or curve[-1] < nearest[2]:
            kept = shaken.detach()[0].clone(), picture.detach()[0].clone(), curve[-1]
            kept_maps = {name: noise.detach().clone() for name, noise in maps.items()}
            nearest = None if noise else kept
        going = step == 0 or watch(step, curve[-1], picture.detach()[0]) is not False
        if step == settings.steps or not going:
            break
        loss = gap + settings.pull * F.relu(region.away(latents) - region.reach).sum()
        loss = loss + settings.noise_weight * correlation(maps) if maps else loss
        descent.zero_grad()
        loss.backward(inputs=unknowns)
        descent.step()
        renormalise(maps)
    return Projection(*kept, tuple(curve), going, kept_maps)


def unknown_maps(module: nn.Module) -> Mapping[str, Tensor]:
    """Copies of the module's noise maps, to be changed."""
    return {name: noise.detach().clone().requires_grad_(True) for name, noise in noise_maps(module).items()}
