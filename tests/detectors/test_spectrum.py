"""The radial spectrum against closed forms; the contract of every frequency cue; fits on a tiny corpus."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.frequency import CUES
from detectors.frequency.cue import LIMIT, Cue, Model
from detectors.frequency.dct import DCT
from detectors.frequency.fitting import balance, fit, held_out, quantile, slopes_of, usable
from detectors.frequency.histories import Recipe, launder, read_store, row_of, samples
from detectors.frequency.region import region
from detectors.frequency.spectrum import BINS, FREQUENCIES, Spectrum, blocks, radial_spectrum
from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.refusal import Refusal

FEW = Recipe(3, 3)


def waves(frequency: float, angle: float, side: int = 192) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    return 100 + 20 * np.sin(2 * np.pi * frequency * (x * np.cos(angle) + y * np.sin(angle)))


# ---- radial_spectrum: pictures whose spectrum is known


@pytest.mark.parametrize("deviation", [1.0, 7.0])
def test_white_noise_is_flat_at_its_variance(rng, deviation):
    levels = radial_spectrum(rng.normal(0, deviation, (512, 512)))
    assert levels.shape == (BINS,)
    expected = 10 * np.log10(deviation**2)
    np.testing.assert_allclose(levels[9:], expected, atol=0.35)
    np.testing.assert_allclose(levels, expected, atol=2.0)  # few frequencies in the lowest rings: the log lowers them


@pytest.mark.parametrize("k", [3, 8, 17, 30])
@pytest.mark.parametrize("angle", [0.0, 0.4, np.pi / 2])
def test_a_wave_peaks_in_its_bin(k, angle):
    assert np.argmax(radial_spectrum(waves(FREQUENCIES[k], angle))) == k


def test_direction_does_not_matter(rng):
    levels = [radial_spectrum(waves(0.2, angle)) for angle in (0.0, 0.3, 0.8, 1.2)]
    peak = np.argmax(levels[0])
    assert np.ptp([line[peak] for line in levels]) < 2.0  # rings are made of square cells
    picture = cv2.GaussianBlur(rng.normal(0, 30, (200, 200)), (0, 0), 1.2)
    np.testing.assert_allclose(radial_spectrum(np.rot90(picture)), radial_spectrum(picture), atol=0.3)
    np.testing.assert_allclose(radial_spectrum(picture[:, ::-1]), radial_spectrum(picture), atol=0.5)


def test_brightness_does_not_matter_and_contrast_only_shifts(rng):
    picture = rng.normal(0, 5, (128, 128))
    levels = radial_spectrum(picture)
    np.testing.assert_allclose(radial_spectrum(picture + 90), levels, atol=0.01)
    np.testing.assert_allclose(radial_spectrum(picture * 10), levels + 20, atol=0.05)


@pytest.mark.parametrize(("kernel", "drop"), [(cv2.INTER_NEAREST, 6), (cv2.INTER_LINEAR, 15)])
def test_upsampled_noise_drops_at_high_frequencies(rng, kernel, drop):
    """Doubling by repetition multiplies power by cos²(πf): −3 dB at 0.25, nothing left at 0.5 on the axes."""
    levels = radial_spectrum(cv2.resize(rng.normal(0, 10, (128, 128)), None, fx=2, fy=2, interpolation=kernel))
    assert levels[:6].mean() - levels[-4:].mean() > drop


def test_size_does_not_matter(rng):
    noise = cv2.GaussianBlur(rng.normal(0, 40, (900, 700)), (0, 0), 0.8)
    np.testing.assert_allclose(radial_spectrum(noise[:200, :200]), radial_spectrum(noise), atol=1.0)


def test_too_small_is_refused(rng):
    with pytest.raises(ValueError, match="63x200"):
        radial_spectrum(rng.normal(size=(200, 63)))


@given(st.integers(64, 700), st.integers(64, 700))
@settings(max_examples=30, deadline=None)
def test_blocks_cover_edge_to_edge_and_are_bounded(height, width):
    y, x = np.mgrid[:height, :width]
    cut = blocks(np.stack([y, x], -1))
    assert cut.shape[1:] == (64, 64, 2)
    assert len(cut) <= 256
    assert cut.reshape(-1, 2).min(0).tolist() == [0, 0]
    assert cut.reshape(-1, 2).max(0).tolist() == [height - 1, width - 1]


# ---- fits


def picture(rng, kind: str, side: int = 64) -> np.ndarray:
    """ "camera" = sharp noise on a soft picture; "generator" = the same through a bilinear doubling."""
    soft = cv2.resize(rng.uniform(60, 200, (5, 5, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 12, (side, side, 3)).astype(np.float32)
    if kind == "generator":
        grain = cv2.resize(grain[: side // 2, : side // 2], (side, side), interpolation=cv2.INTER_LINEAR)
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    """Intervals of a tiny corpus mean nothing: a few rounds will do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.frequency.measures.ROUNDS", 4)
        patch.setattr("detectors.frequency.fitting.RIDGES", (0.003, 0.03))
        yield


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """20 + 20 pictures of 64 px, as corpora of which all is for training but six each."""
    root, rng = tmp_path_factory.mktemp("tiny"), np.random.default_rng(7)
    corpora = []
    for label, kind in (("real", "camera"), ("fake", "generator")):
        (root / label).mkdir()
        rows = ["path,label,maker,domain,group,split"]
        for i in range(20):
            cv2.imwrite(str(root / label / f"{i}.png"), picture(rng, kind))
            rows.append(f"{i}.png,{label},{kind},tiny,{label}{i},{'train' if i < 14 else 'test'}")
        (root / label / "manifest.csv").write_text("\n".join(rows) + "\n")
        corpora.append(Corpus.open(root / label))
    return corpora


@pytest.fixture(scope="module")
def fitted(tiny, tmp_path_factory):
    """All cues, fitted."""
    out = tmp_path_factory.mktemp("fitted")
    assert [path.stem for path in fit(CUES, [tiny[0]], [tiny[1]], out, 3, FEW)] == [cue.name for cue in CUES]
    return out


@pytest.fixture(scope="module")
def detectors(fitted) -> dict[type[Cue], Cue]:
    """Loaded once: each draws the background of its exhibits, which takes a while."""
    return {cue: cue.load(fitted) for cue in CUES}


every_cue = pytest.mark.parametrize("cue", CUES, ids=lambda cue: cue.name)


@every_cue
def test_a_tiny_fit_tells_doubled_grain_from_sharp_grain(fitted, detectors, cue):
    report = json.loads((fitted / f"{cue.name}.json").read_text())
    assert report["train"] == {"real": {"tiny": 14}, "fake": {"generator": 14}}
    assert report["test"]["encoded again"]["n"] == {"generator": 6, "tiny": 6}
    assert max(report["held_out_auc"].values()) > 0.8  # at 64 px, through JPEG
    assert not (fitted / "frequency.npz").exists()
    card = (fitted / f"{cue.name}.md").read_text()
    assert report["sha256"] in card
    assert "| generator (6) |" in card
    detector, rng = detectors[cue], np.random.default_rng(99)
    scores = {
        kind: [detector.examine(Photo.from_pixels(picture(rng, kind))).score for _ in range(5)]
        for kind in ("camera", "generator")
    }
    assert min(scores["generator"]) > max(scores["camera"])


def test_the_same_seed_gives_the_same_file_also_when_interrupted(tiny, fitted, tmp_path, monkeypatch):
    from detectors.frequency import histories

    calls, region_of, two = [], histories.region_of, (Spectrum, DCT)

    def interrupted(pixels):
        calls.append(1)
        if len(calls) == 40:
            raise KeyboardInterrupt
        return region_of(pixels)

    monkeypatch.setattr(histories, "region_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(two, [tiny[0]], [tiny[1]], tmp_path, 3, FEW)
    stored = read_store(tmp_path / "frequency.npz")
    assert {name: len(rows) for name, rows in stored.items()} == {"spectrum": 39, "dct": 39}
    for path in fit(two, [tiny[0]], [tiny[1]], tmp_path, 3, FEW):
        assert path.read_bytes() == (fitted / path.name).read_bytes()
    everything = len(samples(tiny, "train", FEW)) + len(samples(tiny, "test", FEW))
    assert len(calls) - 1 == everything  # the photo that was cut off had not begun: 39 are 13 photos


def test_too_little_to_fit_is_refused(tiny, tmp_path):
    with pytest.raises(Refusal, match="0 fake training photos"):
        fit([Spectrum], [tiny[0]], [], tmp_path)


def test_histories_are_alike_for_alike_seeds_only(rng):
    pixels = picture(rng, "camera", 160)
    for draw in range(5):
        one, same, other = (launder(pixels, draw, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)
    assert launder(picture(rng, "camera", 300), 1, rng).shape == (224, 224, 3)


def test_sources_and_sizes_weigh_alike(tiny):
    chosen = samples(tiny, "train", Recipe())
    few = [s for s in chosen if s.fake] + [s for s in chosen if not s.fake][:8]
    fake = np.array([s.fake for s in few])
    weight = balance(few, np.full(len(few), 100.0))
    assert weight[fake].sum() == pytest.approx(weight[~fake].sum())
    assert weight.mean() == pytest.approx(1)
    heights = np.where(fake, 400.0, 100.0)  # fakes larger, but for five
    heights[:5] = 100.0
    weight = balance(few, heights)
    assert (weight[heights == 400] == 0).all()
    assert weight[fake].sum() == pytest.approx(weight[~fake].sum())


def test_faceless_photos_are_left_out_where_both_classes_have_faces(tiny):
    chosen = samples(tiny, "train", Recipe(0, 1))
    fake = np.array([s.fake for s in chosen])
    rows = np.ones((len(chosen), 4), dtype=np.float32)
    rows[:3, -1] = 0
    rows[5, 0] = np.nan
    assert np.flatnonzero(~usable(rows, chosen)).tolist() == [0, 1, 2, 5]
    rows[fake, -1] = 0  # no fake has a face: all that was measured stays
    assert np.flatnonzero(~usable(rows, chosen)).tolist() == [5]


def test_what_is_held_out_is_not_fitted(tiny):
    from dataclasses import replace

    chosen = samples(tiny, "train", Recipe(0, 2))
    two = [replace(s, source="other") if s.fake and i % 3 else s for i, s in enumerate(chosen)]
    fake, source = np.array([s.fake for s in two]), np.array([s.source for s in two])
    tried = []
    for rest, other in held_out(two):
        assert not (rest & other).any()
        (maker,) = set(source[other & fake])
        assert maker not in source[rest & fake]
        groups = np.array([s.entry.group for s in two])
        assert not set(groups[rest & ~fake]) & set(groups[other & ~fake])
        tried.append(maker)
    assert tried == ["generator", "other"]


def test_what_jpeg_steps_add_is_taken_off(rng):
    steps = rng.uniform(0, 6, (400, 2))
    values = np.stack([3 + 0.5 * steps[:, 0] - 0.2 * steps[:, 0] ** 2, np.full(400, 7.0)], 1)
    slopes = slopes_of(values, steps, np.ones(400))
    np.testing.assert_allclose(slopes, [[0.5, 0], [-0.2, 0]], atol=0.02)
    lines = {name: np.zeros(2) for name in Model.__dataclass_fields__}
    levels = Model(**{**lines, "slopes": slopes}).levels(values, steps)
    assert levels.std(0).max() < 0.02
    assert np.array_equal(Model(**{**lines, "slopes": None}).levels(values, steps), values)


def test_weighted_quantile():
    values, weight = np.array([[3.0, 30.0], [1.0, 10.0], [2.0, 20.0]]), np.array([1.0, 1.0, 8.0])
    found = [quantile(values, weight, q).tolist() for q in (0.05, 0.5, 0.95)]
    assert found == [[1, 10], [2, 20], [3, 30]]


# ---- the contract of every cue


@every_cue
def test_evidence_on_a_portrait(detectors, portrait_file, cue):
    detector, photo = detectors[cue], Photo.open(portrait_file)
    first, second = detector.examine(photo), detector.examine(Photo.open(portrait_file))
    assert first.score == second.score
    assert np.isfinite(first.score)
    assert np.array_equal(first.exhibit, second.exhibit)
    assert first.exhibit.shape == (500, 900, 3)
    assert "the face" in first.finding
    assert first.finding.count(". ") == 0
    (mark,) = first.marks
    assert 0 <= mark.left < mark.left + mark.width <= photo.width
    assert 0 <= mark.top < mark.top + mark.height <= photo.height


@every_cue
def test_the_middle_of_the_picture_where_there_is_no_face(detectors, scene_file, cue):
    evidence = detectors[cue].examine(Photo.open(scene_file))
    assert evidence.score is not None
    assert "the picture" in evidence.finding
    assert evidence.marks == ()


@every_cue
@pytest.mark.parametrize("shape", [(1, 1), (63, 400), (1, 30000)])
def test_silent_when_small(detectors, cue, shape):
    evidence = detectors[cue].examine(Photo.from_pixels(np.full((*shape, 3), 90, np.uint8)))
    assert evidence.score is None
    assert f"{shape[1]}x{shape[0]}" in evidence.finding


@every_cue
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_silent_when_blank(detectors, cue, grey):
    evidence = detectors[cue].examine(Photo.from_pixels(np.full((200, 300, 3), grey, np.uint8)))
    assert evidence.score is None
    assert "blank" in evidence.finding


@every_cue
def test_each_value_has_a_step(cue, portrait_file):
    seen = region(Photo.open(portrait_file))
    values, steps = cue.values(seen), cue.steps(seen)
    assert values.shape == steps.shape == (cue.size,)
    assert np.isfinite(values).all()
    row = row_of(cue, seen)
    assert row.shape == (2 * cue.size + 2,)
    assert row[-1] == 1
    assert np.isnan(row_of(cue, None)).all()
    assert len(cue.chart.x) == len(cue.chart.shown)
    assert len(cue.chart.ticks) in (0, len(cue.chart.x))
    assert cue.chart.shown.max() < cue.size


@every_cue
def test_the_exhibit_shows_this_photo(detectors, cue):
    """The photo's line lies where its levels are: lower levels, lower line; the bands stay where they are."""
    detector = detectors[cue]
    low, high = detector.plot.range
    drawn = [detector.plot.draw(np.full(cue.size, level)) for level in (high, low)]
    changed = [(p != detector.plot.background[0]).any(-1) for p in drawn]
    rows = [np.flatnonzero(mask.any(1)).mean() for mask in changed]
    assert rows[0] < rows[1] - 150
    assert changed[0].any(0).sum() > 400  # from left to right
    assert detector.plot.draw(np.full(cue.size, -1e9)).shape == (500, 900, 3)


@every_cue
def test_score_is_bounded(detectors, cue):
    model = detectors[cue].model
    most = LIMIT * np.abs(model.weights).sum() + LIMIT**2 * np.abs(model.square_weights).sum() + abs(model.bias[0])
    assert abs(model.score(np.full(cue.size, 1e6))) <= most + 1e-2


@every_cue
def test_missing_or_foreign_weights_are_refused(tmp_path, fitted, cue):
    with pytest.raises(Refusal, match="make weights"):
        cue.load(tmp_path)
    (tmp_path / f"{cue.name}.safetensors").write_bytes(b"not weights")
    with pytest.raises(Refusal, match=f"no {cue.name} model"):
        cue.load(tmp_path)
    other = next(name for name in ("spectrum", "dct") if name != cue.name)
    (tmp_path / f"{cue.name}.safetensors").write_bytes((fitted / f"{other}.safetensors").read_bytes())
    with pytest.raises(Refusal, match=f"numbers instead of {cue.size}"):
        cue.load(tmp_path)
