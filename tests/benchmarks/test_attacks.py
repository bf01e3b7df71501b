"""Attacks do what they say: small, seeded, and against what the panel really looks at."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from benchmarks.attacks import texture as attacks_texture
from benchmarks.attacks.attack import ATTACKS, CLASSIFIER, NONE, PATCHES, Known, attack_named
from benchmarks.attacks.pgd import cut, looking_at, pgd, shrunk
from benchmarks.attacks.quality import Loss, psnr, ssim
from benchmarks.attacks.texture import Texture, falloff, grain, measured, nearest, regrain, respectrum, textures
from detectors.classifier.detector import Classifier
from detectors.classifier.network import Network, NetworkConfig
from detectors.classifier.patches import Patches
from forensics import face, laundering
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS
from forensics.view import LARGEST_FACE


@pytest.fixture(scope="module")
def panel() -> tuple[Classifier, Patches]:
    return Classifier.load(DETECTOR_WEIGHTS), Patches.load(DETECTOR_WEIGHTS)


@pytest.fixture(scope="module")
def known(panel) -> Known:
    return Known.of(panel, ())


@pytest.fixture(scope="module")
def small() -> list[Network]:
    """Networks of both views that have learnt nothing."""
    torch.manual_seed(0)
    configs = (NetworkConfig(view=view, size=32, depth=2, hidden=8) for view in ("whole", "patch"))
    return [Network(config).eval().requires_grad_(False) for config in configs]


@pytest.fixture
def portrait(portrait_file) -> np.ndarray:
    """(306, 260, 3), with a face of about 150 px."""
    return np.array(Image.open(portrait_file).convert("RGB").resize((260, 306), Image.Resampling.BOX))


def tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)


@pytest.mark.parametrize("scale", [1.0, 2.5])  # the second is seen as `forensics.view` shows larger faces
@pytest.mark.parametrize("which", [0, 1])
def test_the_gradient_is_of_what_the_detector_says(panel, portrait, scale, which):
    pixels = laundering.resize(portrait, scale, "bicubic")
    assert (face.find_faces(pixels)[0].height > LARGEST_FACE) == (scale > 1)
    said = panel[which].examine(Photo.from_pixels(pixels)).score
    with torch.no_grad():
        assert float(looking_at(pixels, [panel[which].network])(tensor(pixels))) == pytest.approx(said, abs=0.35)


@pytest.mark.slow
def test_pgd_lowers_what_the_detectors_say(panel, known, portrait):
    found = pgd(portrait, np.random.default_rng(0), list(known.networks.values()), 2, steps=4)
    change = found.astype(int) - portrait
    assert np.abs(change).max() == 2
    assert not change[0].any()  # above the face, where no network looks
    for detector in panel:
        before, after = (detector.examine(Photo.from_pixels(pixels)).score for pixels in (portrait, found))
        assert after < before - 3


@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2)], ids=["whole", "patch"])
def test_pgd_lowers_any_network_within_its_bound(small, portrait, which):
    found, again, other = (pgd(portrait, np.random.default_rng(seed), small[which], 3, steps=4) for seed in (0, 0, 1))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - portrait).max() == 3
    assert np.array_equal(found, again)
    assert not np.array_equal(found, other)
    score = looking_at(portrait, small[which])
    random = (portrait + np.random.default_rng(0).choice([-3, 3], portrait.shape)).clip(0, 255)
    with torch.no_grad():
        low, chance, before = (float(score(tensor(p))) for p in (found, random, portrait))
    assert low < min(before, chance)


def test_pgd_leaves_alone_what_nobody_judges(known, rng):
    nobody = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert pgd(nobody, rng, list(known.networks.values()), 4) is nobody


@given(st.integers(3, 40), st.integers(3, 40), st.data())
@settings(max_examples=30, deadline=None)
def test_shrinking_is_opencvs(height, width, data):
    after = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    pixels = np.random.default_rng(0).uniform(0, 255, (height, width, 3)).astype(np.float32)
    wanted = cv2.resize(pixels, after[::-1], interpolation=cv2.INTER_AREA)
    assert np.allclose(shrunk(tensor(pixels), after).permute(1, 2, 0).numpy(), wanted, atol=0.01)


@pytest.mark.parametrize("side", [60, 100, 300])  # enlarged, as it is, shrunk; partly outside the picture
def test_the_cut_is_that_of_the_detectors(portrait, side):
    smooth = laundering.blur(portrait, 2)
    middle, x, y = np.array([120, 150]), np.array([1, 0.1]) * side / 2, np.array([-0.1, 1]) * side / 2
    frame = np.array([middle - x - y, middle - x + y, middle + x + y, middle + x - y], dtype=np.float32)
    shown = cut(tensor(smooth), frame, 100).permute(1, 2, 0).numpy()
    assert np.abs(shown - face.cut(smooth, frame, 100)).max() < 3


def grainy(rng, side: int, blur: float, noise: float) -> np.ndarray:
    """A smooth picture with noise."""
    smooth = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)), (0, 0), 12)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (side, side, 3)), (0, 0), blur)
    picture = 128 + 30 * smooth / smooth.std() + noise * fine / fine.std()
    return picture.clip(0, 255).round().astype(np.uint8)


def test_the_spectrum_becomes_that_of_real_photos(rng):
    reals = textures([measured(grainy(rng, 256, 0.4, 6)) for _ in range(10)])
    made = grainy(rng, 256, 0.6, 6)
    found = respectrum(made, reals)
    wanted = nearest(reals, made).falloff
    gaps = [np.abs(falloff(pixels) - wanted)[:, 16:].mean() for pixels in (made, found)]
    assert gaps[1] < gaps[0] / 5
    assert np.abs(found.mean((0, 1)) - made.mean((0, 1))).max() < 0.2
    coarse = [cv2.GaussianBlur(pixels, (0, 0), 16).astype(int) for pixels in (made, found)]
    assert np.abs(coarse[0] - coarse[1]).max() <= 1  # content stays


def test_a_real_photos_spectrum_hardly_changes(rng):
    photos = [grainy(rng, 256, 0.6, 6) for _ in range(11)]
    assert psnr(photos[0], respectrum(photos[0], textures(map(measured, photos[1:])))) > 40


@pytest.mark.parametrize("noise", [0.5, 12])
def test_grain_becomes_that_of_real_photos(rng, noise):
    reals = textures([measured(grainy(rng, 192, 0.5, 5)) for _ in range(10)])
    made = grainy(rng, 192, 0.5, noise)
    wanted = nearest(reals, made).grain
    found = regrain(made, np.random.default_rng(0), reals)
    assert abs(grain(made) - wanted) > 0.3 * wanted
    assert grain(found) == pytest.approx(wanted, rel=0.1)


def test_smooth_pictures_of_smoother_photos_get_no_grain(rng):
    made = grainy(rng, 192, 2.0, 20)
    reals = (Texture(192, np.zeros((3, attacks_texture.BINS)), 0.01),)
    assert np.array_equal(regrain(made, rng, reals), cv2.medianBlur(made, 3))


def test_real_photos_are_averaged_by_size(rng):
    small, large = (measured(grainy(rng, side, 0.5, 5)) for side in (180, 300))
    assert [texture.side for texture in small] == [128, 192]  # 180 is nearly 192
    assert [texture.side for texture in large] == [128, 192, 256]
    found = textures([*[small] * 9, large])
    assert [(texture.side, texture.n) for texture in found] == [(128, 10), (192, 10)]  # one of 256 px is no average
    assert found[0].grain == pytest.approx(0.9 * small[0].grain + 0.1 * large[0].grain, abs=1e-5)
    assert nearest(found, np.zeros((1024, 2000, 3))).side == 192


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_every_attack_keeps_the_shape_and_looks_alike(attack, small, portrait, rng):
    reals = textures([measured(laundering.noise(portrait, 2, rng)) for _ in range(10)])
    whole = Known(dict(zip((CLASSIFIER, PATCHES), small, strict=True)), reals)
    before = portrait.copy()
    found, again = (attack.apply(portrait, np.random.default_rng(3), whole) for _ in range(2))
    assert found.dtype == np.uint8
    assert found.shape == portrait.shape
    assert np.array_equal(found, again)
    assert np.array_equal(portrait, before)
    assert (attack is NONE) == np.array_equal(found, portrait)
    assert psnr(portrait, found) > 24
    assert attack_named(attack.name) is attack


def test_what_an_attack_needs():
    possible = [a.name for a in ATTACKS if a.possible(("classifier",), False)]
    assert possible == ["none", "pgd-2", "pgd-4", "resample"]
    assert all(attack.possible(("patches", "classifier"), True) for attack in ATTACKS)
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


def test_quality_lost(portrait, rng):
    assert psnr(portrait, portrait) == math.inf
    dark, light = (np.full((32, 32, 3), level, np.uint8) for level in (100, 110))
    assert psnr(dark, light) == pytest.approx(20 * math.log10(255 / 10))
    c1 = (0.01 * 255) ** 2
    assert ssim(dark, light) == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1))
    assert ssim(portrait, portrait) == pytest.approx(1)
    values = [ssim(portrait, laundering.noise(portrait, sigma, rng)) for sigma in (1, 5, 25)]
    assert values == sorted(values, reverse=True)
    noise = rng.integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    assert abs(ssim(*noise)) < 0.05
    near, far = (Loss.of(portrait, laundering.blur(portrait, sigma)).moved for sigma in (0.5, 3))
    assert 0 < near < far
