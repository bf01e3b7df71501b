"""A search is shown picture by picture; noise maps that were unknowns come back, and the module keeps its own."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from detectors.known.noise import noise_maps
from detectors.known.projection import Projection, Region, Settings, project

SIZE, LATENT, STEPS = 16, 4, 12


class Grainy(nn.Module):
    """Four numbers make blotches; two noise maps lie on them."""

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(LATENT, 3 * 16, generator=rng))
        self.coarse = nn.Module()
        self.coarse.register_buffer("noise_const", torch.randn(8, 8, generator=rng))
        self.register_buffer("noise_const", torch.randn(SIZE, SIZE, generator=rng))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        small = (latents @ self.weight).tanh().unflatten(1, (3, 4, 4))
        grain = self.coarse.noise_const.repeat_interleave(2, 0).repeat_interleave(2, 1) + self.noise_const
        return 0.8 * nn.functional.interpolate(small, (SIZE, SIZE)) + 0.05 * grain


@pytest.fixture(scope="module")
def module() -> Grainy:
    return Grainy().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def target() -> torch.Tensor:
    return torch.linspace(-1, 1, SIZE)[None, None, :, None].repeat(1, 3, 1, SIZE)


def searched(module: Grainy, target: torch.Tensor, watch=lambda *_: None, **how) -> Projection:
    settings = Settings(steps=STEPS, starts=1, drawn=32, **how)
    latents = torch.randn(200, LATENT, generator=torch.Generator().manual_seed(1))
    return project(module, target, Region.of(module, latents, settings), settings, watch)


@pytest.mark.parametrize("maps", [False, True])
def test_each_step_is_shown_with_its_picture(module, target, maps):
    seen = []
    found = searched(module, target, lambda *told: seen.append(told), noise_maps=maps)
    assert [(done, total) for done, total, _, _ in seen] == [(step, STEPS) for step in range(1, STEPS + 1)]
    assert tuple(distance for _, _, distance, _ in seen) == found.curve[1:]
    assert {tuple(picture.shape) for *_, picture in seen} == {(3, SIZE, SIZE)}
    assert not any(picture.requires_grad for *_, picture in seen)
    (nearest,) = [picture for _, _, distance, picture in seen if distance == found.distance]
    assert torch.equal(nearest, found.picture)


def test_the_maps_found_paint_the_picture_found(module, target):
    before = {name: noise.clone() for name, noise in noise_maps(module).items()}
    found = searched(module, target, noise_maps=True)
    assert found.maps.keys() == before.keys() == {"noise_const", "coarse.noise_const"}
    painted = functional_call(module, dict(found.maps), (found.latents[None],))[0]
    assert torch.allclose(painted, found.picture, atol=1e-6)
    assert not torch.allclose(module(found.latents[None])[0], found.picture, atol=1e-3)
    for name, noise in noise_maps(module).items():
        assert torch.equal(noise, before[name])
        assert float(found.maps[name].mean()) == pytest.approx(0, abs=1e-5)
        assert float(found.maps[name].square().mean()) == pytest.approx(1, abs=1e-4)
        assert not found.maps[name].requires_grad


def test_the_maps_are_those_of_the_nearest_step_not_of_the_last(module, target):
    found = searched(module, target, noise_maps=True, step_size=1.0)
    assert found.distance < found.curve[-1]
    painted = functional_call(module, dict(found.maps), (found.latents[None],))[0]
    assert torch.allclose(painted, found.picture, atol=1e-6)


def test_without_unknown_maps_there_are_none(module, target):
    assert searched(module, target).maps == {}


def test_a_watch_that_says_no_ends_the_search_with_what_was_found(module, target):
    found = searched(module, target, lambda done, *_: done < STEPS - 1, noise_maps=True)
    assert not found.finished
    assert len(found.curve) == STEPS
    painted = functional_call(module, dict(found.maps), (found.latents[None],))[0]
    assert torch.allclose(painted, found.picture, atol=1e-6)
