"""Known generator: its own pictures are reproduced, others' are not; it is silent where that tells nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from detectors.known.detector import KnownGenerator, finding
from detectors.known.distance import Distance
from detectors.known.noise import correlation, noise_maps, renormalise
from detectors.known.projection import Settings, project, schedule
from detectors.known.reference import Reference, about, measure, region_of
from detectors.known.suspect import Suspect
from forensics import laundering
from forensics.corpus import Corpus, Entry
from forensics.evidence import Detector
from forensics.metrics import auc
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.tensors import to_tensor

SIZE, LATENT = 16, 4
QUICK = Settings(steps=12, starts=2, drawn=64)


class Toy(nn.Module):
    """Soft coloured blotches from 4 numbers, or from 2 rows of 4; two with other seeds draw nothing alike."""

    def __init__(self, seed: int, rows: int = 1):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.weight = nn.Parameter(torch.randn(rows * LATENT, 3 * 16, generator=rng))
        self.register_buffer("noise_const", torch.randn(SIZE, SIZE, generator=rng))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        small = (latents.flatten(1) @ self.weight).tanh().unflatten(1, (3, 4, 4))
        large = nn.functional.interpolate(small, (SIZE, SIZE), mode="bilinear", align_corners=False)
        return 0.9 * large + 0.02 * self.noise_const


class Square:
    """A face that fills a photo, or a part of it."""

    def __init__(self, side: float, corner: float = 0.0):
        low, high = corner, corner + side
        self.corners = np.array([(low, low), (low, high), (high, high), (high, low)], dtype=np.float32)

    def frame(self, scale: float) -> np.ndarray:
        return self.corners


@pytest.fixture
def faces(monkeypatch):
    """Every photo is one face, framed; or `faces(face)`: that one."""

    def place(found: object) -> None:
        monkeypatch.setattr("detectors.known.suspect.largest_face", lambda photo: found)

    monkeypatch.setattr("detectors.known.suspect.largest_face", lambda photo: Square(photo.width))
    return place


@pytest.fixture(scope="module")
def suspect() -> Suspect:
    return Suspect(Toy(0), LATENT, SIZE, "toy")


@pytest.fixture(scope="module")
def other() -> Suspect:
    return Suspect(Toy(1), LATENT, SIZE, "other")


@pytest.fixture(scope="module")
def region(suspect):
    return region_of(suspect, QUICK)


@pytest.fixture(scope="module")
def reference(suspect) -> Reference:
    near = tuple(np.linspace(0.001, 0.06, 12))
    return Reference(near, tuple(np.linspace(0.3, 0.9, 12)), 12, about(suspect, QUICK))


def reached(suspect: Suspect, region, pixels: np.ndarray, settings: Settings = QUICK) -> float:
    return project(suspect.module, to_tensor([pixels]), region, settings).distance


@pytest.mark.parametrize("quality", [None, 75])
def test_own_pictures_are_reproduced_and_others_are_not(suspect, other, region, quality):
    def distances(whose: Suspect) -> list[float]:
        pictures = [whose.picture(seed) for seed in (100, 101)]
        return [reached(suspect, region, p if quality is None else laundering.jpeg(p, quality)) for p in pictures]

    own, others = distances(suspect), distances(other)
    assert auc(-np.array(own + others), np.repeat([True, False], 2)) == 1
    assert np.median(own) < np.median(others) / (4 if quality is None else 2)


def test_evidence_says_which_and_is_the_same_twice(faces, suspect, other, reference):
    detector = KnownGenerator(suspect, reference, QUICK)
    assert isinstance(detector, Detector)
    own, its = Photo.from_pixels(suspect.picture(100)), Photo.from_pixels(other.picture(100))
    near, far, again = detector.examine(own), detector.examine(its), detector.examine(its)
    assert near.score > 1 > -1 > far.score
    assert "clearly nearer than all 12 photos" in near.finding
    assert "nothing says that toy drew it" in far.finding
    assert "(n = 12), to photos to 0.300-0.900 (n = 12)" in near.finding
    assert (far.score, far.finding) == (again.score, again.finding)
    assert np.array_equal(far.exhibit, again.exhibit)
    assert far.exhibit.shape == (580, 888, 3)
    assert far.marks[0].width == SIZE
    assert detector.weights == suspect.sha256 != other.sha256


def test_a_larger_photo_is_framed_as_the_training_photos_were(faces, suspect, reference):
    picture = cv2.resize(suspect.picture(101), (32, 32), interpolation=cv2.INTER_NEAREST)
    scene = np.full((60, 60, 3), 90, np.uint8)
    scene[10:42, 10:42] = picture
    faces(Square(32, 10))
    evidence = KnownGenerator(suspect, reference, QUICK).examine(Photo.from_pixels(scene))
    assert evidence.score > 0
    assert (evidence.marks[0].left, evidence.marks[0].width) == (10, 32)


@pytest.mark.parametrize(
    ("face", "pixels", "why"),
    [
        (None, np.eye(40, dtype=np.uint8)[..., None] * np.full(3, 255, np.uint8), "No face"),
        (Square(11), np.eye(40, dtype=np.uint8)[..., None] * np.full(3, 255, np.uint8), "fills 11 px"),
        (Square(40, 20), np.eye(40, dtype=np.uint8)[..., None] * np.full(3, 255, np.uint8), "outside the photo"),
        (Square(40), np.full((40, 40, 3), 7, np.uint8), "blank"),
    ],
)
def test_it_is_silent_where_there_is_nothing_to_compare(faces, suspect, reference, face, pixels, why):
    faces(face)
    evidence = KnownGenerator(suspect, reference, QUICK).examine(Photo.from_pixels(pixels))
    assert evidence.score is None
    assert why in evidence.finding
    assert evidence.caveats


def test_it_is_silent_where_the_two_kinds_overlap_and_where_it_is_stopped(faces, suspect, reference):
    photo = Photo.from_pixels(suspect.picture(100))
    overlapping = replace(reference, photos=tuple(np.linspace(0.04, 0.9, 12)), own=tuple(np.linspace(0.03, 0.4, 12)))
    evidence = KnownGenerator(suspect, overlapping, QUICK).examine(photo)
    assert evidence.score is None
    assert "tells nothing" in evidence.finding
    asked = KnownGenerator(suspect, reference, QUICK, lambda done, total, distance, picture: done < 3)
    stopped = asked.examine(photo)
    assert stopped.score is None
    assert "stopped" in stopped.finding


def test_the_score_counts_spreads_below_the_nearest_photo_less_a_margin(reference):
    spread = np.log(reference.far).std(ddof=1)
    assert reference.score(0.3) == pytest.approx(-1)
    assert reference.score(0.3 * np.exp(-1 * spread)) == pytest.approx(0)
    assert reference.score(0.3 * np.exp(-3 * spread)) == pytest.approx(2)
    assert np.isfinite(reference.score(0.0))
    assert np.isfinite(replace(reference, photos=(0.5,) * 12).score(0.4))


def test_a_search_ends_in_the_region_and_changes_nothing_of_the_module(suspect, other, region):
    before = {name: t.clone() for name, t in suspect.module.state_dict().items()}
    target = to_tensor([other.picture(3)])
    seen = []
    found = project(suspect.module, target, region, QUICK, lambda done, total, *_: seen.append((done, total)))
    assert found.finished
    assert seen == [(n, 24) for n in range(1, 25)]
    assert len(found.curve) == 13
    assert found.distance == pytest.approx(float(Distance(target)(found.picture[None])), rel=1e-5)
    assert torch.allclose(suspect.module(found.latents[None]).detach()[0], found.picture, atol=1e-6)
    assert all(torch.equal(before[name], t) for name, t in suspect.module.state_dict().items())
    assert all(p.grad is None for p in suspect.module.parameters())

    def away(pull: float) -> float:
        far = replace(QUICK, pull=pull, starts=1, steps=25, step_size=0.5)
        return float(region.away(project(suspect.module, torch.sign(target), region, far).latents[None]))

    assert away(10.0) < region.reach * 1.15 < away(0.0)


def test_latents_may_be_rows_and_noise_maps_unknowns():
    module = Toy(2, rows=2)
    given = Suspect(module, LATENT, SIZE, "rows", lambda n, rng: torch.randn(n, 2, LATENT, generator=rng))
    assert list(noise_maps(module)) == ["noise_const"]
    region, before = region_of(given, QUICK), module.noise_const.clone()
    target = given.picture(5)
    assert region.mean.shape == (2, LATENT)
    plain = project(module, to_tensor([target]), region, QUICK)
    freed = project(module, to_tensor([target]), region, replace(QUICK, noise_maps=True))
    assert plain.latents.shape == freed.latents.shape == (2, LATENT)
    assert plain.curve[1:] != freed.curve[1:]
    assert torch.equal(module.noise_const, before)


def test_schedules_and_noise_are_the_published_ones(shared):
    told = json.loads((shared / "parity" / "projector.json").read_text())
    arrays = np.load(shared / "parity" / "projector.npz")
    ours = np.array([schedule(step / 200, Settings()) for step in range(200)])[:, ::-1] * (told["w_std"], 1)
    np.testing.assert_allclose(ours, arrays["schedule_w_noise_scale_and_lr"], rtol=1e-6, atol=1e-9)
    for side in (4, 8, 16, 32):
        noise = torch.from_numpy(arrays[f"noise_reg/{side}/noise"].copy())
        assert float(correlation({"noise": noise})) == pytest.approx(
            float(arrays[f"noise_reg/{side}/value"]), rel=1e-6
        )
        renormalise({"noise": noise})
        np.testing.assert_allclose(noise, arrays[f"noise_reg/{side}/renormalised"], rtol=1e-5, atol=1e-6)


@pytest.fixture
def corpus(tmp_path, other) -> Corpus:
    for number in range(14):
        cv2.imwrite(str(tmp_path / f"{number}.png"), other.picture(number))
    rows = [Entry(f"{number}.png", "real", "camera", split="calibration") for number in range(14)]
    (tmp_path / "3.png").write_bytes(b"no photo")
    return Corpus(tmp_path, (*rows, Entry("x.png", "real", "camera", split="test")))


def test_a_reference_is_measured_kept_and_gone_on_with(faces, suspect, corpus, tmp_path):
    brief, path = Settings(steps=2, starts=1, drawn=8), tmp_path / "kept" / "toy.json"
    stopped = measure(suspect, corpus, path, brief, 12, watch=lambda done, total, what: done < 15)
    assert not stopped.finished
    with pytest.raises(Refusal, match=r"not finished \(12 own pictures and 3 photos of 12 each"):
        KnownGenerator(suspect, Reference.load(path), brief)
    whole = measure(suspect, corpus, path, brief, 12)
    assert whole == Reference.load(path) == measure(suspect, corpus, None, brief, 12)
    assert (len(whole.near), len(whole.far)) == (12, 12)
    assert whole.about["weights"] == suspect.sha256
    with pytest.raises(Refusal, match="seed differ"):
        measure(suspect, corpus, path, brief, 12, seed=1)
    with pytest.raises(Refusal, match="at least 12"):
        measure(suspect, corpus, None, brief, 4)
    with pytest.raises(Refusal, match="13 of 14 photos had a face"):
        measure(suspect, corpus, None, brief, 14)


def test_a_reference_of_something_else_is_refused(suspect, other, reference, tmp_path):
    with pytest.raises(Refusal, match="another generator, weights; measure it anew"):
        KnownGenerator(other, reference, QUICK)
    with pytest.raises(Refusal, match="another settings"):
        KnownGenerator(suspect, reference)
    for text in ("", "{}", '{"own": [-1], "photos": [], "wanted": 1, "about": {}}', '{"own": 3}'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(Refusal, match="holds no reference"):
            Reference.load(tmp_path / "bad.json")


def test_a_module_that_draws_something_else_is_refused():
    with pytest.raises(Refusal, match=r"became \(2, 3, 16, 16\); finite pictures \(2, 3, 32, 32\)"):
        Suspect(Toy(0), LATENT, 32, "toy")


@pytest.mark.parametrize(
    ("distance", "says"),
    [
        (0.03, "clearly nearer than all 12 photos, as its own."),
        (0.08, "clearly nearer than all 12 photos, but further than its own."),
        (0.25, "between the two, which says nothing."),
        (0.5, "as far as photos, so nothing says that toy drew it."),
    ],
)
def test_the_finding_claims_no_more_than_the_reference_has(reference, distance, says):
    assert finding("toy", distance, reference).endswith(says)
