"""The arms race, on a tiny DCGAN and smooth photos: what is measured, what is kept, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from benchmarks.generalization.grounds import Soil
from benchmarks.red_queen import forgers
from benchmarks.red_queen import race as red_queen
from benchmarks.red_queen.forgers import STRATEGIES, Smoother, changed, decibels, forged, posted
from benchmarks.red_queen.race import Rules, measure
from benchmarks.red_queen.tables import Quality, points
from detectors.probes import PROBES, network
from detectors.probes.network import Patches
from detectors.probes.spectrum import profiles, ring_means
from forensics.features import shipped
from forensics.refusal import Refusal
from forensics.tensors import to_tensor
from generators.families.dcgan import DCGAN, DCGANConfig
from generators.trained import Trained
from tests.benchmarks.test_generalization import folder

TINY = DCGANConfig(resolution=16, latent=8, width=8, critic_width=4)


@pytest.fixture
def trained(tmp_path):
    torch.manual_seed(0)
    return Trained(DCGAN(TINY), tmp_path / "none.safetensors", "0" * 64, {})


@pytest.fixture
def soil(tmp_path):
    return Soil((folder(tmp_path / "real", 70, 0, side=16),), (), 16, "match", 40)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(network.trained, "__defaults__", (0, 3, None))
    monkeypatch.setattr(red_queen, "QUALITY_PICTURES", 8)
    monkeypatch.setattr(red_queen, "PROBES", tuple(p for p in PROBES if p.name != "features"))  # slow


def critic() -> Patches:
    torch.manual_seed(1)
    found = Patches(shipped().network)
    torch.nn.init.normal_(found.head.weight, 0.0, 0.01)
    return found.eval().requires_grad_(False)


def test_the_spectrum_that_is_descended_is_the_one_that_is_measured():
    pictures = np.repeat(np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1)), 3, 3).astype(np.uint8)
    ours = decibels(to_tensor(pictures), torch.from_numpy(ring_means(16)))[:, 0]
    measured = profiles(pictures)[:, :8]  # of luminance: OpenCV rounds it to whole grey levels, hence 0.1 dB
    assert np.allclose(ours.numpy(), measured, atol=0.1)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_a_forger_gets_nearer_to_what_it_wants(strategy, trained, monkeypatch):
    """Without its anchor, since a random generator has nothing to hold on to."""
    monkeypatch.setattr(forgers, "ANCHOR", 0.0)
    monkeypatch.setattr(forgers, "RATE", 2e-3)
    monkeypatch.setattr(forgers, "posted", lambda images, rng: images)  # JPEG leaves little of so small a picture
    monkeypatch.setattr(forgers, "judge", lambda *_: None)  # a critic that learns may be ahead at any step
    reals = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 3)).astype(np.uint8)
    family, judge = trained.family, critic()
    after = forged(strategy, family, family.average, reals, judge, 30, 0)
    assert isinstance(after, Smoother) == strategy.upsampling
    z, rings = family.draw(32, torch.Generator().manual_seed(9)), torch.from_numpy(ring_means(16))
    first = changed(family.average, strategy) if strategy.upsampling else family.average
    with torch.no_grad():
        images = [network(z) for network in (first, after)]
        wanted = decibels(to_tensor(reals), rings).mean(0)
        far = [float((decibels(x, rings).mean(0) - wanted).square().mean()) for x in images]
        logits = [float(judge(x).mean()) for x in images]
    if strategy.spectrum:
        assert far[1] < far[0]
    if strategy.critic and not strategy.spectrum:
        assert logits[1] < logits[0]


def test_an_anchored_new_layer_learns_the_old_pictures(trained):
    family, strategy = trained.family, STRATEGIES[1]
    reals = np.zeros((8, 16, 16, 3), np.uint8)
    z = family.draw(32, torch.Generator().manual_seed(9))
    learnt = forged(strategy, family, family.average, reals, critic(), 40, 0)
    with torch.no_grad():
        before, after = (
            (each(z) - family.average(z)).abs().mean() for each in (changed(family.average, strategy), learnt)
        )
    assert after < before / 2


def test_gradients_pass_jpeg_as_if_it_were_not_there():
    images = torch.rand(2, 3, 16, 16).mul(2).sub(1).requires_grad_(True)
    seen = posted(images, np.random.default_rng(0))
    assert not torch.equal(seen, images)
    seen.sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))


@pytest.mark.slow
def test_a_race_and_its_resumption(trained, soil, tmp_path, monkeypatch):
    rules = Rules(rounds=2, steps=10, samples=20)
    result = measure(soil, trained, tmp_path / "whole", rules)
    race = result.table("race")
    assert [row[0] for row in race.rows] == ["0 none", "1 spectrum", "1 upsampling", "1 critic", "1 all", "2 all"]
    assert race.rows[0][1] is None
    assert all(row[1].n == race.rows[1][1].n for row in race.rows[1:])
    lost = [row[2] for row in result.table("quality").rows]
    assert lost[0] == 0
    assert all(math.isfinite(value) for value in lost)
    assert set(result.figures) == {"race", "pictures"}

    done = []
    real = red_queen.forged

    def until(*args, **kwargs):
        done.append(args[0].name)
        if len(done) == 3:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(red_queen, "forged", until)
    with pytest.raises(KeyboardInterrupt):
        measure(soil, trained, tmp_path / "part", rules)
    again = measure(soil, trained, tmp_path / "part", rules)
    assert done == ["spectrum", "upsampling", "critic", "critic", "all", "all"], "what was done is not done again"
    assert again.table("race") == result.table("race")
    figures = [[row[1] for row in each.table("quality").rows] for each in (again, result)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-6)  # sums of another order


def test_quality_knows_what_did_not_change():
    pictures = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype(np.uint8)
    same = Quality.of(points(pictures), pictures, pictures)
    assert same.psnr == math.inf
    assert same.fid_like == pytest.approx(0, abs=1e-3)
    off = Quality.of(points(pictures), pictures // 2, pictures // 2 + 10)
    assert off.psnr == pytest.approx(20 * math.log10(255 / 10), abs=1e-3)
    assert off.fid_like > same.fid_like


def test_what_cannot_race_is_refused(trained, soil, tmp_path):
    with pytest.raises(Refusal, match="makes 16 px"):
        measure(Soil(soil.real, (), 32), trained, tmp_path, Rules())
    with pytest.raises(Refusal, match="allowed are 1 to 10"):
        Rules(rounds=0)
