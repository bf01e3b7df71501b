"""The lineage's figure shows what was measured, of the weights it was measured on, and nothing else."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from app.cli import app
from benchmarks.lineage import scores as lineage
from benchmarks.lineage.figure import CELL, GAP, LEFT, TOP, as_png, caption, draw, enlarged
from benchmarks.lineage.scores import Row, Score, Scores, as_rgb, measure, row, samples, shipped
from forensics.features import as_square
from forensics.fidelity import fid
from forensics.refusal import Refusal
from generators import FAMILIES, snapshots
from generators.trained import Trained, load


class Colours:
    """A space that costs nothing: mean colour of each quarter."""

    name, dims = "colours", 12

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return as_square(images, 2).flatten(1)


def weights_at(path: Path, name: str, seed: int = 0) -> Path:
    """A tiny generator's export."""
    kind = next(kind for kind in FAMILIES if kind.name == name)
    torch.manual_seed(seed)
    family = kind(kind.presets["tiny"])
    family.advance(10**9)
    family.settle()
    tensors = {f"family.average.{key}": t.contiguous() for key, t in family.average.state_dict().items()}
    told = {"family": name, "preset": "tiny", "config": asdict(family.config), "images_seen": 0}
    snapshots.save_at_once(tensors, path, told)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Tiny weights of the first and the last family, and 120 photos."""
    folder = tmp_path_factory.mktemp("lineage")
    for name in ("autoencoder", "stylegan2-ada"):
        weights_at(folder / f"{name}.safetensors", name)
    rng = np.random.default_rng(0)
    (folder / "photos").mkdir()
    for number in range(120):
        noise = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        noise.resize((16, 16), Image.Resampling.BICUBIC).save(folder / "photos" / f"{number:03d}.png")
    return folder


@pytest.fixture
def ours(folder, monkeypatch) -> list[Trained]:
    monkeypatch.setattr(lineage, "GENERATOR_WEIGHTS", folder)
    monkeypatch.setattr(lineage, "SCORES", folder / "lineage.json")
    return [load(folder / f"{name}.safetensors") for name in ("autoencoder", "stylegan2-ada")]


@pytest.fixture
def scores(ours, folder) -> Scores:
    return measure(ours, folder / "photos", Colours(), 50)


def test_scores_by_hand(ours, scores, folder):
    """n photos in an order by seed 0 against seeds 0 to n - 1; the tick is the distance of n other photos."""
    files = sorted((folder / "photos").iterdir())
    order = np.random.default_rng(0).permutation(len(files))
    photos = np.stack([np.asarray(Image.open(files[i])) for i in order[:100]])
    seen = Colours()(torch.from_numpy(photos).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
    assert scores.n == 50
    assert scores.space == "colours"
    for trained in ours:
        score = scores.score(trained)
        made = np.stack([trained.picture(seed) for seed in range(50)])
        points = Colours()(torch.from_numpy(made).permute(0, 3, 1, 2) / 127.5 - 1).numpy()
        assert score.fid_like == pytest.approx(fid(seen[:50], points), rel=1e-3)
        assert score.photos == pytest.approx(fid(seen[:50], seen[50:]), rel=1e-3)
        assert score.size == "16x16"


def test_samples_are_the_pictures_of_seeds(ours):
    for trained in ours:
        (batch,) = samples(trained, range(3))
        pictures = np.stack([as_rgb(trained.picture(seed)) for seed in range(3)])
        np.testing.assert_allclose((batch + 1) * 127.5, pictures.transpose(0, 3, 1, 2), atol=1.01)


def test_few_photos(ours, folder):
    with pytest.raises(Refusal, match="at least 50"):
        measure(ours, folder / "photos", Colours(), 49)
    many = measure(ours[:1], folder / "photos", Colours(), 5000)
    assert many.n == 120
    assert many.of["autoencoder"].photos is None  # none are left over


def test_scores_of_other_weights_are_not_shown(ours, scores, folder):
    other = load(weights_at(folder / "other.st", "autoencoder", seed=1))
    assert scores.score(ours[0]) is not None
    assert scores.score(other) is None
    assert row(other, [0], scores).score is None


def test_scores_are_kept(scores, tmp_path):
    scores.save(tmp_path / "scores.json")
    assert Scores.load(tmp_path / "scores.json") == scores
    (tmp_path / "other.json").write_text('{"of": 3}')
    with pytest.raises(Refusal, match="no scores of the lineage"):
        Scores.load(tmp_path / "other.json")


def test_rows(ours):
    first, last = (row(trained, [3, 1]) for trained in ours)
    assert (first.name, first.year, last.name, last.year) == ("Autoencoder", 2006, "StyleGAN2-ADA", 2020)
    assert first.size == "16x16"
    assert first.parameters == sum(p.numel() for p in ours[0].family.average.parameters())
    assert np.array_equal(first.pictures[1], ours[0].picture(1))
    assert as_rgb(np.zeros((4, 5, 1), np.uint8)).shape == as_rgb(np.zeros((4, 5, 4), np.uint8)).shape == (4, 5, 3)


def test_what_is_here_ships(ours):
    here, missing = shipped()
    assert [trained.family.name for trained in here] == ["autoencoder", "stylegan2-ada"]
    assert missing == [kind.name for kind in FAMILIES if kind.name not in ("autoencoder", "stylegan2-ada")]


def picture(colour: int, size: int = 32) -> np.ndarray:
    return np.full((size, size, 3), colour, np.uint8)


def test_the_figure_shows_rows_and_scores():
    scores = Scores("colours", 60, "f", {"a": Score("w", "32x32", 80.0, 4.0)})
    rows = [
        Row("First", 2006, "32x32", 1_234_567, (picture(10), picture(60)), scores.of["a"]),
        Row("Second", 2014, "32x32", 2_000, (picture(110), picture(160))),
    ]
    figure = draw(rows, [7, 9], scores)
    said = [text.get_text() for text in figure.axes[0].texts]
    for words in ("First", "2014 · 32 × 32 px", "1.2 M parameters", "2.0 k parameters", "80.0", "not measured"):
        assert words in said
    assert [text for text in said if text.startswith("seed")] == ["seed 7", "seed 9"]
    assert caption(scores) in said
    assert "60 photos" in caption(scores)
    drawn = np.asarray(Image.open(io.BytesIO(as_png(figure))))
    centres = [
        (TOP + r * (CELL + GAP) + CELL // 2, LEFT + c * (CELL + GAP) + CELL // 2) for r in (0, 1) for c in (0, 1)
    ]
    assert [int(drawn[at].mean()) for at in centres] == [10, 60, 110, 160]
    assert draw([replace(rows[1])], [7, 9], None)  # without any score


def test_pictures_are_enlarged_without_distortion():
    tall = enlarged(np.zeros((8, 4, 3), np.uint8))
    assert tall.shape == (CELL, CELL, 3)
    assert (tall[:, CELL // 2] == 0).all()
    assert (tall[:, 2] == 255).all()


def test_a_large_figure_is_rounded_until_it_fits(rng):
    noisy = tuple(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4))
    figure = draw([Row("Noise", 2020, "32x32", 9, noisy)], range(4), None)
    whole = as_png(figure, most=10**9)
    assert len(as_png(figure, most=len(whole) - 1)) < len(whole)
    assert whole == as_png(figure, most=10**9)


def test_command(ours, folder, tmp_path, monkeypatch):
    from forensics import features

    monkeypatch.setattr(features, "shipped", lambda: Colours())
    out = tmp_path / "figure.png"
    run = CliRunner().invoke
    done = run(app, ["lineage", "--out", str(out), "--seeds", "0-1"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "left out: dcgan" in done.output
    assert Image.open(out).width > LEFT
    assert not out.with_suffix(".json").exists()
    words = ["lineage", "--out", str(out), "--seeds", "0", "--data", str(folder / "photos"), "--n", "50"]
    run(app, words, catch_exceptions=False)
    kept = Scores.load(out.with_suffix(".json"))
    assert all(kept.score(trained) for trained in ours)
    assert "lineage" in kept.made["command"] or kept.made["date"]
    kept.save(folder / "lineage.json")
    weights_at(folder / "autoencoder.safetensors", "autoencoder", seed=5)
    said = run(app, ["lineage", "--out", str(out), "--seeds", "0"], catch_exceptions=False).output
    assert "autoencoder: these weights were not scored" in said
    assert "stylegan2-ada: these" not in said
    with pytest.raises(Refusal, match="at most 24"):
        run(app, ["lineage", "--out", str(out), "--seeds", "0-99"], catch_exceptions=False)
