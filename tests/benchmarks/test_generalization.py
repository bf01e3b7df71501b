"""Common ground, and the matrix on it: on pictures whose differences are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from benchmarks.generalization import measure as generalization
from benchmarks.generalization.grounds import Soil, brought, ground_of
from benchmarks.generalization.measure import measure, trainings
from detectors.probes import network
from forensics.laundering import blur
from forensics.refusal import Refusal

SIZE = 32


def folder(path, n, seed, side=SIZE, sigma=0.0, smooth=3.0):
    """Smooth pictures with grain; `sigma` softens the grain."""
    path.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(n):
        picture = blur(rng.integers(0, 256, (side, side, 3)).astype(np.uint8), smooth)
        grain = rng.normal(0, 12, picture.shape).astype(np.float32)
        picture = np.clip(picture + (blur(grain, sigma) * 2 if sigma else grain), 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(path / f"{i:04d}.png")
    return path


@pytest.fixture
def soil(tmp_path):
    real = folder(tmp_path / "real", 120, 0)
    fakes = {"soft": {"sigma": 1.0}, "softer": {"sigma": 1.5}, "small": {"side": 16}}
    folders = [(name, folder(tmp_path / name, 120, i + 1, **how)) for i, (name, how) in enumerate(fakes.items())]
    return Soil((real,), tuple(folders), SIZE, "native", 60)


@pytest.fixture(autouse=True)
def short_trainings(monkeypatch):
    monkeypatch.setattr(network.trained, "__defaults__", (0, 3, None))


def test_each_maker_has_the_side_of_its_pictures_and_photos_follow(soil):
    ground = ground_of(soil)
    assert dict(ground.sides) == {"soft": 32, "softer": 32, "small": 16}
    whole, shrunk = ground.real("soft", "test")[0], ground.real("small", "test")[0]
    assert whole.shape == shrunk.shape == (len(whole), SIZE, SIZE, 3)
    finest = [np.abs(np.fft.fft2(stack[..., 1]))[:, 12:20, 12:20].mean() for stack in (whole, shrunk)]
    assert finest[1] < finest[0] / 4, "photos beside pictures of 16 px hold no finer detail than these"


def test_what_a_picture_goes_through_depends_on_it_and_the_seed_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    soil = Soil((), (), SIZE, "repost", seed=1)
    assert np.array_equal(brought(pixels, 32, soil), brought(pixels.copy(), 32, soil))
    assert not np.array_equal(brought(pixels, 32, soil), brought(pixels, 32, Soil((), (), SIZE, "repost", seed=2)))
    assert brought(pixels, 16, soil).shape == (SIZE, SIZE, 3)


def test_the_matrix_tells_what_carries(soil, tmp_path):
    result = measure(soil, tmp_path / "out", ["spectrum"], rounds=50)
    matrix = {row[0]: row[1:] for row in result.table("spectrum").rows}
    assert list(matrix) == ["soft", "softer", "small", "all but it", "all"]
    soft, softer, small = matrix["soft"]
    assert min(soft.value, softer.value) > 0.9, "soft grain carries to softer grain"
    assert small.value < 0.8, "pictures that differ in size alone are not told once photos have the same size"
    assert soft.low <= soft.value <= soft.high
    assert soft.n > 20
    assert result.figures["matrices"] is not None
    unseen = result.table("unseen")
    assert [row[0] for row in unseen.rows] == ["soft", "softer", "small"]
    assert unseen.rows[2][1] == 16


def test_no_training_sees_what_it_is_tried_on(soil):
    for training in trainings(("a", "b", "c")):
        if training.row.startswith("all but"):
            assert not set(training.learnt) & set(training.tried)
    ground = ground_of(soil)
    for maker in ground.makers:
        pairs = [(ground.fake(maker, "train"), ground.fake(maker, "test"))]
        pairs += zip(ground.real(maker, "train"), ground.real(maker, "test"), strict=True)
        for learnt, tried in pairs:
            assert not {p.tobytes() for p in learnt} & {p.tobytes() for p in tried}


def test_interrupted_it_goes_on_and_gives_the_same(soil, tmp_path, monkeypatch):
    whole = measure(soil, tmp_path / "whole", ["spectrum"], rounds=20)
    fits = []
    real = generalization.tried

    def until(*args):
        fits.append(args)
        if len(fits) == 5:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(generalization, "tried", until)
    with pytest.raises(KeyboardInterrupt):
        measure(soil, tmp_path / "part", ["spectrum"], rounds=20)
    again = measure(soil, tmp_path / "part", ["spectrum"], rounds=20)
    assert again.tables == whole.tables
    total = 2 * len(list(trainings(whole.table("unseen").columns[:3])))  # both probes: spectrum and the control
    assert len(fits) == total + 1, "the four that were done are not done again, the fifth is"


def test_what_cannot_be_measured_is_refused(soil, tmp_path):
    with pytest.raises(Refusal, match="one maker"):
        measure(Soil(soil.real, soil.fake[:1], SIZE), tmp_path, ["spectrum"])
    with pytest.raises(Refusal, match="allowed are network, features, spectrum"):
        measure(soil, tmp_path, ["eyes"])
    with pytest.raises(Refusal, match="multiple of 16"):
        Soil((), (), 40)
    few = folder(tmp_path / "few", 12, 9)
    with pytest.raises(Refusal, match="no real folder with 10 pictures in each of train, test"):
        ground_of(Soil((few,), soil.fake, SIZE))


def test_makers_with_few_pictures_are_left_out_and_named(soil, tmp_path):
    few = folder(tmp_path / "few", 12, 9)
    ground = ground_of(Soil(soil.real, (*soil.fake, ("rare", few)), SIZE, "native", 60))
    assert "rare" not in ground.makers
    assert "rare" in ground.notes[0]


def test_the_command(soil, tmp_path):
    words = ["bench", "generalization", "--real", str(soil.real[0]), "--lineage", "0", "--size", "32"]
    words += [word for name, path in soil.fake for word in ("--fake", f"{name}={path}")]
    words += ["--detectors", "spectrum", "--most", "60", "--out", str(tmp_path / "bench")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    names = {path.name.split(".", 1)[1] for path in (tmp_path / "bench").glob("generalization-2*")}
    assert {"json", "md", "matrices.png", "spectrum.csv", "control.csv", "summary.csv", "unseen.csv"} <= names
