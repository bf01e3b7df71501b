"""Projection: the latents whose picture comes nearest to a given one.

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", appendix D: Adam from the mean latent,
the step size ramped up and down, and noise on the latents that decays, so that the search first looks around.
The generator is any `nn.Module`; nothing is asked of it but latents (N, D) or (N, L, D) → pictures (N, 3, S, S),
about [-1, 1]. Different from the paper, because generators without a mapping network have valleys that end
nowhere: more than one start (the mean, then the nearest of some drawn pictures), and latents that leave the
region where drawn ones lie are pulled back, so that nothing is found that the generator never makes.

The same module, picture, settings and number of threads give the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from detectors.known.distance import Distance
from detectors.known.noise import correlation, noise_maps, renormalise

Draw = Callable[[int, torch.Generator], Tensor]  # n, rng → latents (n, D) or (n, L, D) as the generator is fed them
Watch = Callable[[int, int, float], object]  # steps done, steps in all, distance; returning False ends the search
RAMP_UP, RAMP_DOWN, QUIET = 0.05, 0.25, 0.75  # shares of the steps; from QUIET on the latents have no noise
BATCH = 64  # pictures drawn at once


@dataclass(frozen=True)
class Settings:
    """How hard is looked."""

    steps: int = 150  # of each start
    starts: int = 2  # the mean latent first, then the nearest of `drawn`
    drawn: int = 256  # pictures among which starts are looked for
    step_size: float = 0.1  # Adam's, in units of the latents' spread
    noise: float = 0.05  # at first, of the whole spread
    pull: float = 1.0  # on latents outside the region
    pixel_weight: float = 1.0  # of the pixels beside the network's distance
    noise_maps: bool = False  # optimise the generator's noise maps too
    noise_weight: float = 1e5
    seed: int = 0


@dataclass(frozen=True)
class Region:
    """Where a generator's latents lie, from drawn ones."""

    mean: Tensor  # (D) or (L, D)
    spread: Tensor  # the same: standard deviation of each number
    reach: float  # 99 % of latents are no further from the mean: mean square, in spreads
    drawn: Tensor  # (n, D) or (n, L, D)
    small: Tensor  # (n, 3, 16, 16): their pictures, small

    @classmethod
    @torch.no_grad()
    def sampled(cls, module: nn.Module, draw: Draw, settings: Settings, n: int = 10_000) -> Region:
        """Of n latents, and the pictures of the first `settings.drawn`."""
        latents = draw(n, torch.Generator().manual_seed(settings.seed))
        mean, spread = latents.mean(0), latents.std(0).clamp_min(1e-6)
        away = ((latents - mean) / spread).flatten(1).square().mean(1)
        drawn = latents[: settings.drawn]
        small = [F.adaptive_avg_pool2d(module(part), 16) for part in drawn.split(BATCH)]
        return cls(mean, spread, float(away.quantile(0.99)), drawn, torch.cat(small))

    def away(self, latents: Tensor) -> Tensor:
        """(N,): mean square distance from the mean, in spreads."""
        return ((latents - self.mean) / self.spread).flatten(1).square().mean(1)

    def starts(self, target: Tensor, n: int) -> list[Tensor]:
        """n latents (D) or (L, D) to begin from: the mean, then the nearest drawn ones."""
        gaps = (self.small - F.adaptive_avg_pool2d(target, 16)).square().mean((1, 2, 3))
        return [self.mean, *(self.drawn[i] for i in gaps.argsort(stable=True)[: n - 1])][:n]


@dataclass(frozen=True)
class Projection:
    """Where a search ended."""

    latents: Tensor  # (D) or (L, D)
    picture: Tensor  # (3, S, S)
    distance: float  # from the target, see `Distance`
    curve: tuple[float, ...]  # distance at each step of the start that ended nearest
    finished: bool  # False: `watch` ended it


def schedule(done: float, settings: Settings) -> tuple[float, float]:
    """Step size and noise (each in its unit of `Settings`) after a share `done` in [0, 1) of the steps."""
    down = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - done) / RAMP_DOWN))
    return settings.step_size * down * min(1.0, done / RAMP_UP), settings.noise * max(0.0, 1 - done / QUIET) ** 2


def project(
    module: nn.Module,
    target: Tensor,
    region: Region,
    settings: Settings = Settings(),
    watch: Watch = lambda done, total, distance: None,
) -> Projection:
    """The nearest picture to `target` (1, 3, S, S) in [-1, 1] that the search finds."""
    distance = Distance(target, settings.pixel_weight)
    rng = torch.Generator().manual_seed(settings.seed)
    best, total = None, settings.steps * settings.starts
    for number, start in enumerate(region.starts(target, settings.starts)):

        def told(step: int, now: float, before: int = number * settings.steps) -> bool:
            return watch(before + step, total, now) is not False

        found = descend(module, distance, region, start, settings, rng, told)
        if best is None or found.distance < best.distance:
            best = found
        if not found.finished:
            return Projection(best.latents, best.picture, best.distance, best.curve, False)
    assert best is not None
    return best


def descend(
    module: nn.Module,
    distance: Distance,
    region: Region,
    start: Tensor,
    settings: Settings,
    rng: torch.Generator,
    told: Callable[[int, float], bool],
) -> Projection:
    """One search from one start. The nearest picture is taken from the steps whose latents had no noise."""
    unit = region.spread.square().mean().sqrt()  # one number, so that all directions are as long as they are
    whole = unit * math.sqrt(region.spread.shape[-1])
    latents = start[None].clone().requires_grad_(True)
    maps = {name: buffer.clone() for name, buffer in noise_maps(module).items()} if settings.noise_maps else {}
    for noise in maps.values():
        noise.requires_grad_(True)
    descent = torch.optim.Adam([latents, *maps.values()], lr=1.0, betas=(0.9, 0.999))
    curve: list[float] = []
    nearest, kept, going = math.inf, (start, distance.target[0]), True
    for step in range(settings.steps + 1):
        size, shake = schedule(min(step / settings.steps, 1.0), settings)
        descent.param_groups[0]["lr"] = size * float(unit)
        trembling = torch.randn(latents.shape, generator=rng).to(latents) * whole * shake
        picture = functional_call(module, maps, (latents + trembling,))
        gap = distance(picture).sum()
        now = float(gap.detach())
        curve.append(now)
        if now < nearest and (shake == 0 or not math.isfinite(nearest)):
            kept = latents.detach()[0].clone(), picture.detach()[0].clone()
            nearest = now if shake == 0 else math.inf
        going = told(step, now) if step else True
        if step == settings.steps or not going:
            break
        loss = gap + settings.pull * F.relu(region.away(latents) - region.reach).square().sum()
        if maps:
            loss = loss + settings.noise_weight * correlation(maps)
        descent.zero_grad()
        loss.backward(inputs=[latents, *maps.values()])
        descent.step()
        renormalise(maps)
    reached = nearest if math.isfinite(nearest) else curve[-1]
    return Projection(*kept, reached, tuple(curve), going)
