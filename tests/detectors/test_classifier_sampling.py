"""What the networks are shown: both classes in the same situations, and nothing enlarged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detectors.classifier.borrowed import borrow
from detectors.classifier.cuts import Cuts
from detectors.classifier.network import NetworkConfig
from detectors.classifier.sampling import Sampler, SamplingConfig, crop_to_face, patch_at
from forensics.refusal import Refusal
from tests.detectors.invented_cuts import cuts_of, of_four_sources


@pytest.fixture
def cuts(tmp_path) -> Cuts:
    return of_four_sources(tmp_path / "cuts")


def test_situations_do_not_tell_the_class(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4, tight=0.4), NetworkConfig(size=32))
    rng = np.random.default_rng(0)
    situations = [sampler.situation(rng) for _ in range(400)]
    assert 0.3 < np.mean([tight for _, tight in situations]) < 0.5
    assert max(r for r, _ in situations) <= 64
    for resolution, tight in situations:
        for label in ("real", "fake"):
            sources = sampler.eligible(label, resolution, tight)
            assert sources
            for rows in sources.values():
                assert (sampler.sides[rows] >= resolution - 1e-6).all()  # nothing is enlarged
                assert tight or not sampler.spills[rows].any()


def test_sources_weigh_alike_whatever_their_size(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=30, least=4, tight=1.0), NetworkConfig(size=32))
    drawn = [sampler.sample(np.random.default_rng(i), "real")[1] for i in range(200)]
    assert 70 < drawn.count("real: portraits") < 130
    sampler.reweigh({"real: portraits": 0.9, "real: web": 0.15})
    drawn = [sampler.sample(np.random.default_rng(i), "real")[1] for i in range(200)]
    assert 140 < drawn.count("real: portraits") < 180  # 4 of 5


def with_twins(cuts: Cuts) -> Cuts:
    """The same with a reconstruction of each portrait: its own pixels, a little darker."""
    twins = [
        replace(row, label="fake", maker="autoencoder", photo=row.photo + ".png")
        for row in cuts.rows
        if row.domain == "portraits"
    ]
    more = Cuts.__new__(Cuts)
    more.rows, more.data, more.missed = (*cuts.rows, *twins), cuts.data, cuts.missed
    return more


def test_a_reconstruction_is_shown_beside_its_photo_and_laundered_alike(cuts):
    config = SamplingConfig(smallest=16, largest=64, least=4, twins=0.5)
    sampler = Sampler(with_twins(cuts), config, NetworkConfig(size=32))
    assert len(sampler.twins) == 8
    assert "fake: autoencoder" not in sampler.alone
    pairs = [sampler.pair(np.random.default_rng(i)) for i in range(60)]
    both = [(real, fake) for real, fake in pairs if fake[1] == "fake: autoencoder"]
    assert 15 < len(both) < 45
    for (photo, source), (twin, _) in both:
        assert source == "real: portraits"
        assert apart(photo, twin) < 8  # the twin is encoded as its photo once was, and nothing else
    others = [apart(real[0], fake[0]) for real, fake in pairs if fake[1] != "fake: autoencoder"]
    assert np.median(others) > 25


def apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_fakes_take_on_real_histories(cuts):
    rows = [replace(row, native=400.0 if row.label == "fake" else row.side, quality=75) for row in cuts.rows]
    cuts.rows = tuple(rows)
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4), NetworkConfig(size=32))
    rng = np.random.default_rng(0)
    fakes = [sampler.histories.draw("fake", 45.0, rng) for _ in range(50)]
    assert set(fakes) == {(60.0, 75)}  # of the portraits: web faces are smaller
    reals = [sampler.histories.draw("real", 30.0, rng) for _ in range(200)]
    assert 0.35 < sum(its is None for its in reals) / 200 < 0.65
    assert sampler.histories.draw("fake", 100.0, rng) is None


def test_a_borrowed_history_shrinks_and_encodes_and_never_enlarges(rng):
    pixels = rng.integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert borrow(pixels, 80.0, (40.0, 75)).shape == (50, 50, 3)
    assert borrow(pixels, 80.0, (200.0, 75)).shape == (100, 100, 3)
    assert np.abs(borrow(pixels, 80.0, (80.0, 30)).astype(int) - pixels).mean() > 5


def test_a_large_face_is_also_seen_at_its_own_pixels(cuts):
    """Nothing is resampled in a patch: a photo of pixel-wide stripes stays one, up to its last encoding."""
    pixels = np.zeros((80, 80, 3), np.uint8)
    pixels[:, ::2] = 255
    square = np.array([(10, 10), (10, 70), (70, 70), (70, 10)], np.float32)
    for place in np.random.default_rng(0).random((20, 2)):
        view = patch_at(pixels, square, 48, place)
        assert view.shape == (48, 48, 3)
        assert (np.abs(np.diff(view[..., 0].astype(int), axis=1)) == 255).all()


def test_the_patch_network_is_shown_patches_of_faces_that_are_large_enough(cuts):
    config = SamplingConfig(smallest=16, largest=64, least=4)
    sampler = Sampler(cuts, config, NetworkConfig(size=32, view="patch"))
    views = [sampler.sample(np.random.default_rng(i), "fake")[0] for i in range(20)]
    assert {view.shape for view in views} == {(32, 32, 3)}
    with pytest.raises(Refusal, match="none was large enough for patches of 300 px"):
        Sampler(cuts, config, NetworkConfig(size=300, view="patch")).sample(np.random.default_rng(0), "real")


def test_samples_repeat_exactly(cuts):
    sampler = Sampler(cuts, SamplingConfig(smallest=16, largest=64, least=4), NetworkConfig(size=32))
    (one, source), (two, again) = (sampler.sample(np.random.default_rng(5), "fake") for _ in range(2))
    assert one.shape == (32, 32, 3)
    assert source == again
    assert np.array_equal(one, two)
    other, _ = sampler.sample(np.random.default_rng(6), "fake")
    assert not np.array_equal(one, other)


def test_a_tight_crop_keeps_the_square_on_the_face(rng):
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[50, 50] = 255
    square = np.array([(20, 20), (20, 80), (80, 80), (80, 20)], np.float32)
    cropped, moved = crop_to_face(pixels, square, (30, 30, 70, 70), rng)
    y, x = np.argwhere(cropped[..., 0])[0]
    assert np.allclose(np.array((x, y)) - moved[0], (30, 30))
    assert max(cropped.shape) < 60


def test_too_few_faces_are_refused_in_one_line(tmp_path):
    few = cuts_of(tmp_path, [("real", "camera", "web", 3, 40, False), ("fake", "gan", "faces", 30, 40, False)])
    with pytest.raises(Refusal, match=r"20 real photos.*3 real photos have a usable face, 3 not \(no face found\)"):
        Sampler(few, SamplingConfig(smallest=16), NetworkConfig(size=32))
