"""Pairs: the network's symmetry, its files, a tiny training on drawn heads that resumes bit for bit, the detector."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from detectors.asymmetry import pairs_network
from detectors.asymmetry.pairs import Pairs, spoken
from detectors.asymmetry.pairs_cuts import Seen, surroundings
from detectors.asymmetry.pairs_network import PairNetwork
from detectors.asymmetry.pairs_parts import SIZE, hindrance, sides, visible
from detectors.asymmetry.pairs_sampling import TINY, Pool, laundered
from detectors.asymmetry.pairs_training import Training, balanced
from forensics.face import PARTS, Face
from forensics.photo import Photo
from forensics.places import DETECTOR_WEIGHTS
from forensics.refusal import Refusal
from tests.detectors.drawn_head import face, head


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> list[Seen]:
    """24 drawn heads on disk, each with its own skin and ground."""
    rng, folder, found = np.random.default_rng(0), tmp_path_factory.mktemp("heads"), []
    for number in range(24):
        path = folder / f"{number}.png"
        skin, ground = (tuple(int(v) for v in rng.integers(60, 220, 3)) for _ in range(2))
        cv2.imwrite(str(path), head(skin, ground))
        light = rng.normal(0, 1, (len(PARTS), 8)).astype(np.float32)
        found.append(Seen(path, "drawn", str(number), face().points, np.ones(len(PARTS), bool), light))
    return found


@pytest.fixture(autouse=True)
def few_looks(monkeypatch):
    monkeypatch.setattr("detectors.asymmetry.pairs_training.WATCH", 1)
    monkeypatch.setattr("detectors.asymmetry.pairs_training.SETTLE", 3)


@pytest.fixture(scope="module")
def network() -> PairNetwork:
    torch.manual_seed(0)
    return PairNetwork().eval()


def test_which_side_comes_first_changes_nothing(network):
    left, right = torch.rand(2, 3, 3, SIZE, SIZE) * 2 - 1
    for part in PARTS:
        one, other = network(left, right, part), network(right, left, part)
        assert one.shape == (3,)
        assert torch.allclose(one, other, atol=1e-6)


def test_it_is_small(network):
    assert sum(weight.numel() for weight in network.parameters()) < 150_000


def test_weights_are_saved_and_read_back_and_nothing_else_is(network, tmp_path):
    path = tmp_path / "pairs.safetensors"
    pairs_network.save(network, path, {"step": 3})
    again, sha256, about = pairs_network.read(path)
    assert len(sha256) == 64
    assert about == {"step": 3}
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(Refusal, match="no network of pairs"):
        pairs_network.read(path)
    with pytest.raises(Refusal, match="no network of pairs"):
        Pairs.load(tmp_path)
    assert Pairs.load(tmp_path / "nowhere").weights == Pairs.load(DETECTOR_WEIGHTS).weights  # it goes with any panel


def test_both_sides_of_a_symmetric_head_look_the_same():
    pixels = head()
    for part in PARTS:
        left, right = sides(pixels, face(), part)
        assert left.shape == (SIZE, SIZE, 3)
        assert np.abs(left.astype(int) - right).mean() < 3
    one_lobe = sides(head(lobes=(True, False)), face(), "ear")
    assert np.abs(one_lobe[0].astype(int) - one_lobe[1]).mean() > 8


def test_parts_that_cannot_be_compared_are_left_out():
    photo = Photo.from_pixels(head())
    assert visible(face(), photo) == PARTS
    small = Face(face().points * np.float32(0.15))
    assert "needed" in hindrance(small, photo, "eye")
    turned = face().points.copy()
    turned[1] += (42, 0)
    assert visible(Face(turned), photo) == ("collar",)
    assert "out of the photo" in hindrance(Face(face().points + np.float32((0, 60))), photo, "collar")


# ---- sampling


def test_a_step_pairs_each_photo_with_itself_and_with_look_alikes(seen):
    config = replace(TINY, groups=2)
    part, left, right, same, near = Pool(seen, config).batch(np.random.default_rng(0))
    n = config.groups * config.alike
    assert part in PARTS
    assert left.shape == right.shape == (n, 3, SIZE, SIZE)
    assert same.sum() == n
    assert not (same & near).any()
    assert near.sum() <= config.groups * config.alike * (config.alike - 1)
    assert not near[: config.alike, config.alike :].any()


def test_look_alikes_are_the_nearest_in_light(seen):
    pool = Pool(seen, replace(TINY, nearest=4, alike=4))
    chosen = pool.look_alikes("ear", "drawn", np.random.default_rng(1))
    light = np.array([s.light[PARTS.index("ear")] for s in seen])
    spread = lambda rows: np.linalg.norm(light[rows] - light[rows].mean(0), axis=1).mean()  # noqa: E731
    assert spread(chosen) < spread(np.arange(len(seen)))


def test_one_history_for_all_photos_of_a_step(seen):
    pixels, its = surroundings(seen[0])
    one, where = laundered(pixels, its, np.random.default_rng(5), TINY)
    other, _ = laundered(pixels, its, np.random.default_rng(5), TINY)
    assert np.array_equal(one, other)
    assert where.points[1, 0] / one.shape[1] == pytest.approx(its.points[1, 0] / pixels.shape[1], rel=1e-3)


def test_both_kinds_of_pairs_weigh_the_same():
    logits, same = torch.zeros(6, 6), torch.eye(6, dtype=torch.bool)
    assert float(balanced(logits, same, ~same)) == pytest.approx(np.log(2))
    assert float(balanced(torch.where(same, 9.0, -9.0), same, ~same)) < 0.001


# ---- the loop


def run(seen, out, steps: int) -> Training:
    out.mkdir(exist_ok=True)
    training = Training(seen, out, replace(TINY, steps=steps), {"drawn": "0"})
    training.run()
    return training


def test_an_interrupted_run_goes_on_bit_for_bit(seen, tmp_path):
    whole = run(seen, tmp_path / "whole", 4)
    (tmp_path / "twice").mkdir()
    half = Training(seen, tmp_path / "twice", replace(TINY, steps=4), {"drawn": "0"})
    half.advance()
    half.advance()
    half.checkpoint()
    again = run(seen, tmp_path / "twice", 4)
    for a, b in zip(whole.averaged.parameters(), again.averaged.parameters(), strict=True):
        assert torch.equal(a, b)
    assert (tmp_path / "whole" / "pairs.json").exists()
    assert len((tmp_path / "whole" / "pairs.jsonl").read_text().splitlines()) == 2


def test_another_run_in_the_same_folder_is_refused(seen, tmp_path):
    run(seen, tmp_path, 2)
    with pytest.raises(Refusal, match="another rate"):
        Training(seen, tmp_path, replace(TINY, rate=1.0), {"drawn": "0"})
    with pytest.raises(Refusal, match="other photos"):
        Training(seen, tmp_path, TINY, {"drawn": "1"})
    with pytest.raises(Refusal, match="no source has 4 real"):
        Training([], tmp_path / "empty", TINY, {})


def test_settling_makes_the_odds_honest(seen, tmp_path, monkeypatch):
    training = Training(seen, tmp_path, TINY, {"drawn": "0"})
    rng = np.random.default_rng(0)
    one, two = (torch.tensor(rng.normal(mean, 10, 4000)) for mean in (10, -10))  # 5 times too sure
    monkeypatch.setattr(training, "held_aside", lambda batches: {"eye": (one, two)})
    before = training.network.compares["eye"].weight.detach().clone()
    training.settle(training.network)
    scale = float((training.network.compares["eye"].weight.detach() / before).mean())
    assert scale == pytest.approx(0.2, rel=0.1)


# ---- the detector


@pytest.fixture
def examined(network, monkeypatch):
    def examine(pixels, its=None):
        for name in ("largest_face", "at_known_size"):
            given = (lambda photo: its or face()) if name == "largest_face" else (lambda photo: photo)
            monkeypatch.setattr(f"detectors.asymmetry.pairs.{name}", given)
        return Pairs(network, None).examine(Photo.from_pixels(pixels))

    return examine


def test_it_scores_and_shows_each_part(examined):
    evidence = examined(head())
    assert np.isfinite(evidence.score)
    assert evidence.exhibit.shape == (3 * 320, 588, 3)
    assert {mark.label for mark in evidence.marks} == {
        f"{side} {part}" for side in ("left", "right") for part in PARTS
    }
    assert all(f"{part}s" in evidence.finding for part in PARTS)


def test_silent_with_all_reasons(examined):
    evidence = examined(head(), Face(face().points * np.float32(0.1)))
    assert evidence.score is None
    assert "No part of the face" in evidence.finding


@pytest.mark.parametrize(
    ("value", "words"), [(2.5, "12 to 1"), (0.1, "1.1 to 1"), (-1.1, "1 to 3"), (50, "over 1000 to 1")]
)
def test_odds_as_people_say_them(value, words):
    assert spoken(value) == words
