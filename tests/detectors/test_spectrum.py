"""The radial spectrum against closed forms; the detector's contract; a fit on a tiny corpus."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.frequency.fitting import balance, fit, quantile
from detectors.frequency.histories import Recipe, launder, read_store, samples
from detectors.frequency.spectrum import BINS, FREQUENCIES, LIMIT, Spectrum, blocks, radial_spectrum, widened
from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.refusal import Refusal


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
@settings(max_examples=40, deadline=None)
def test_blocks_cover_edge_to_edge_and_are_bounded(height, width):
    y, x = np.mgrid[:height, :width]
    cut = blocks(np.stack([y, x], -1))
    assert cut.shape[1:] == (64, 64, 2)
    assert len(cut) <= 256
    assert cut.reshape(-1, 2).min(0).tolist() == [0, 0]
    assert cut.reshape(-1, 2).max(0).tolist() == [height - 1, width - 1]


@given(st.integers(-500, 900), st.integers(0, 600), st.integers(64, 400))
def test_an_area_is_inside_and_holds_a_block(low, size, length):
    a, b = widened(low, low + size, length)
    assert 0 <= a < b <= length
    assert b - a >= 64


# ---- the detector


def picture(rng, kind: str, side: int = 64) -> np.ndarray:
    """ "camera" = sharp noise on a soft picture; "generator" = the same through a bilinear doubling."""
    soft = cv2.resize(rng.uniform(60, 200, (5, 5, 3)).astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 12, (side, side, 3)).astype(np.float32)
    if kind == "generator":
        grain = cv2.resize(grain[: side // 2, : side // 2], (side, side), interpolation=cv2.INTER_LINEAR)
    return np.clip(soft + grain, 0, 255).astype(np.uint8)


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
    out = tmp_path_factory.mktemp("fitted")
    fit([tiny[0]], [tiny[1]], out, seed=3)
    return out


def test_a_tiny_fit_tells_doubled_grain_from_sharp_grain(fitted):
    report = json.loads((fitted / "spectrum.json").read_text())
    assert report["train"] == {"real": {"tiny": 14}, "fake": {"generator": 14}}
    assert report["test"]["light JPEG"]["n"] == {"generator": 6, "tiny": 6}
    assert max(report["cv_auc"].values()) > 0.8  # through heavy JPEG, at 64 px
    assert not (fitted / "spectrum.levels.npz").exists()
    card = (fitted / "spectrum.md").read_text()
    assert report["sha256"] in card
    assert "| generator (6) |" in card
    detector, rng = Spectrum.load(fitted), np.random.default_rng(99)
    scores = {
        kind: [detector.examine(Photo.from_pixels(picture(rng, kind))).score for _ in range(5)]
        for kind in ("camera", "generator")
    }
    assert min(scores["generator"]) > max(scores["camera"])


def test_the_same_seed_gives_the_same_file_also_when_interrupted(tiny, fitted, tmp_path, monkeypatch):
    from detectors.frequency import histories

    calls, levels_of = [], histories.levels_of

    def interrupted(pixels):
        calls.append(1)
        if len(calls) == 40:
            raise KeyboardInterrupt
        return levels_of(pixels)

    monkeypatch.setattr(histories, "levels_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit([tiny[0]], [tiny[1]], tmp_path, seed=3)
    assert len(read_store(tmp_path / "spectrum.levels.npz")) == 39
    path = fit([tiny[0]], [tiny[1]], tmp_path, seed=3)
    assert path.read_bytes() == (fitted / "spectrum.safetensors").read_bytes()
    everything = len(samples(tiny, "train", Recipe(3))) + len(samples(tiny, "test", Recipe(3)))
    assert len(calls) - 5 == everything  # only the photo that was cut off is measured again: 4 of its draws, 1 cut


def test_too_little_to_fit_is_refused(tiny, tmp_path):
    with pytest.raises(Refusal, match="0 fake training photos"):
        fit([tiny[0]], [], tmp_path)


def test_histories_are_alike_for_alike_seeds_only(rng):
    pixels = picture(rng, "camera", 160)
    for draw in range(4):
        one, same, other = (launder(pixels, draw, np.random.default_rng(seed)) for seed in (1, 1, 2))
        assert np.array_equal(one, same)
        assert not np.array_equal(one, other)


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


def test_weighted_quantile():
    values, weight = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 8.0])
    assert [quantile(values, weight, q) for q in (0.05, 0.5, 0.95)] == [1.0, 2.0, 3.0]


def test_evidence_on_a_portrait(fitted, portrait_file):
    detector, photo = Spectrum.load(fitted), Photo.open(portrait_file)
    first, second = detector.examine(photo), detector.examine(Photo.open(portrait_file))
    assert first.score == second.score
    assert np.isfinite(first.score)
    assert np.array_equal(first.exhibit, second.exhibit)
    assert first.exhibit.shape == (500, 900, 3)
    assert "of the face" in first.finding
    (mark,) = first.marks
    assert mark.left >= 0
    assert mark.top >= 0
    assert mark.left + mark.width <= photo.width
    assert mark.top + mark.height <= photo.height


def test_the_exhibit_shows_this_photo(fitted, rng):
    """The photo's line lies where the levels are: lower levels, lower line."""
    plot = Spectrum.load(fitted).plot
    high, low = plot.draw(np.full(BINS, 20.0)), plot.draw(np.full(BINS, -10.0))
    rows = [np.flatnonzero((p[:, 600] != plot.background[0][:, 600]).any(-1)).mean() for p in (high, low)]
    assert rows[0] < rows[1] - 200
    assert plot.draw(np.full(BINS, -99.0)).shape == (500, 900, 3)


def test_whole_scene_where_there_is_no_face(fitted, scene_file):
    evidence = Spectrum.load(fitted).examine(Photo.open(scene_file))
    assert evidence.score is not None
    assert "of the picture" in evidence.finding
    assert evidence.marks == ()


@pytest.mark.parametrize("shape", [(1, 1), (63, 400), (1, 30000)])
def test_silent_when_small(fitted, shape):
    evidence = Spectrum.load(fitted).examine(Photo.from_pixels(np.full((*shape, 3), 90, np.uint8)))
    assert evidence.score is None
    assert f"{shape[1]}x{shape[0]}" in evidence.finding


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_silent_when_blank(fitted, grey):
    evidence = Spectrum.load(fitted).examine(Photo.from_pixels(np.full((200, 300, 3), grey, np.uint8)))
    assert evidence.score is None
    assert "blank" in evidence.finding


def test_score_is_bounded(fitted, rng):
    model = Spectrum.load(fitted).model
    most = LIMIT * np.abs(model.weights).sum() + LIMIT**2 * np.abs(model.square_weights).sum() + abs(model.bias[0])
    assert abs(model.score(np.full(BINS, 1e6))) <= most + 1e-3


def test_missing_or_foreign_weights_are_refused(tmp_path):
    with pytest.raises(Refusal, match="make weights"):
        Spectrum.load(tmp_path)
    (tmp_path / "spectrum.safetensors").write_bytes(b"not weights")
    with pytest.raises(Refusal, match="no spectrum model"):
        Spectrum.load(tmp_path)
