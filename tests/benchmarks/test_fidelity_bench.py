"""The fidelity benchmark measures what it says, computes nothing twice, and names its space."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from benchmarks.fidelity import corpora as fidelity_corpora
from benchmarks.fidelity import latent_paths
from benchmarks.fidelity import measure as fidelity
from benchmarks.fidelity.corpora import Gallery
from benchmarks.fidelity.feature_rows import FeatureRows
from benchmarks.fidelity.figure import figure
from benchmarks.fidelity.measure import OTHERS, Named, Setup, measure
from benchmarks.lineage import scores as lineage
from benchmarks.table import Measure, Result
from forensics.features import as_square
from forensics.fidelity import fid, kid, precision_recall, slerp, trimmed_mean
from forensics.refusal import Refusal
from generators import FAMILIES, snapshots
from generators.trained import Trained, load

SMALL = Setup(n=50, paths=50, rounds=4)


class Colours:
    """A space that costs nothing: mean colour of each quarter. Counts what it is shown."""

    name, dims = "colours", 12

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.seen += len(images)
        return as_square(images, 2).flatten(1)


def weights_at(path: Path, name: str, corpus: str) -> Trained:
    """A tiny generator's export, which says that it learned from this corpus."""
    kind = next(kind for kind in FAMILIES if kind.name == name)
    torch.manual_seed(0)
    family = kind(kind.presets["tiny"])
    family.advance(10**9)
    family.settle()
    tensors = {f"family.average.{key}": t.contiguous() for key, t in family.average.state_dict().items()}
    told = {"family": name, "preset": "tiny", "config": asdict(family.config), "images_seen": 0, "corpus": corpus}
    snapshots.save_at_once(tensors, path, told)
    return load(path)


def photos_in(folder: Path, n: int, seed: int, suffix: str = "png", size: int = 16) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(n):
        noise = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
        noise.resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{number:03d}.{suffix}")
    return folder


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fidelity")
    photos_in(folder / "photos", 110, 0)
    photos_in(folder / "few", 60, 1)
    return folder


@pytest.fixture(scope="module")
def ours(folder) -> list[Trained]:
    """The first family, of `photos`, and two style-based ones, of `few` and of photos that are not here."""
    prints = [Gallery.of(folder / name, "real").corpus.sha256 for name in ("photos", "few")]
    names = zip(("autoencoder", "stylegan", "stylegan2-ada"), (*prints, "elsewhere"), strict=True)
    return [weights_at(folder / f"{name}.safetensors", name, corpus) for name, corpus in names]


@pytest.fixture(scope="module")
def result(folder, ours, tmp_path_factory) -> Result:
    reals = [folder / "photos", folder / "few"]
    return measure(SMALL, ours, reals, (), Named(Colours(), "w"), tmp_path_factory.mktemp("cache"))


def seen(pictures) -> np.ndarray:
    return Colours()(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1).numpy()


def test_distances_by_hand(result, ours, folder):
    files = sorted((folder / "photos").iterdir())
    order = np.random.default_rng(0).permutation(len(files))
    photos = seen([np.asarray(Image.open(files[i])) for i in order[:100]])
    made = seen([ours[0].picture(seed) for seed in range(50)])
    row = next(row for row in result.table("fidelity").rows if row[0] == "autoencoder")
    other = next(row for row in result.table("fidelity").rows if row[0] == OTHERS)
    for cells, points in ((row, made), (other, photos[50:])):
        expected = (
            fid(photos[:50], points),
            kid(photos[:50], points, subsets=1),
            *precision_recall(photos[:50], points),
        )
        assert [cell.value for cell in cells[2:]] == pytest.approx(expected, rel=1e-3, abs=1e-5)
        assert all(cell.n == 50 and cell.low <= cell.value <= cell.high for cell in cells[2:])
        assert all(cell.low < cell.high for cell in cells[2:])
    assert all(cell.low >= 0 and cell.high <= 1 for cell in row[4:])


def test_fid_is_that_of_the_lineage(result, ours, folder):
    scores = lineage.measure(ours[:1], folder / "photos", Colours(), 50)
    value = result.table("fidelity").rows[0][2].value
    assert value == pytest.approx(scores.of["autoencoder"].fid_like, rel=1e-3)


def test_each_is_set_against_what_it_learned_from(result):
    table = result.table("fidelity")
    against = {row[0]: row[1] for row in table.rows if row[0] != OTHERS}
    assert against["autoencoder"] == "photos 16x16"
    assert against["stylegan"] == "few 16x16"
    assert against["stylegan2-ada"] == "photos 16x16"
    assert any("Not known" in note and note.endswith(": stylegan2-ada.") for note in table.notes)
    assert [row[1] for row in table.rows if row[0] == OTHERS] == ["photos 16x16"]  # `few` has no 50 others
    assert set(result.stamp.corpora) == {"photos", "few"}
    assert set(result.stamp.weights) == {"autoencoder", "stylegan", "stylegan2-ada", "colours"}


def test_only_a_mapping_network_makes_paths_in_w(result):
    rows = {row[0]: row for row in result.table("paths").rows}
    assert [cell is None for cell in rows["autoencoder"]] == [False, False, False, True, True]
    for cell in rows["stylegan"][1:]:
        assert cell.n == 50
        assert 0 < cell.low < cell.value < cell.high


@pytest.mark.parametrize("latent", ["z", "w"])
def test_paths_by_hand(ours, latent, tmp_path):
    trained, space, e = ours[2], Colours(), latent_paths.EPSILON
    kept = FeatureRows(tmp_path, "paths", ("colours",), 1)
    found = latent_paths.steps(trained, space, latent, "full", 3, kept)
    for number in range(3):
        rng = torch.Generator().manual_seed(number)
        z = trained.family.draw(2, rng)
        t = torch.rand(1, generator=rng, dtype=torch.float64)
        average, points = trained.family.average, []
        for at in (t, t + e):
            if latent == "z":  # its mapping normalises z: only the direction counts
                middle = torch.from_numpy(slerp(z[:1].numpy(), z[1:].numpy(), at[:, None].numpy())).float()
                images = trained.family.sample(middle)
            else:
                w = average.mapping(z).double()
                images = average.synthesis((w[:1] + (w[1:] - w[:1]) * at).float(), "const").clamp(-1, 1)
            points.append(space(images).double())
        expected = float((points[1] - points[0]).square().sum()) / e**2
        assert found[number] == pytest.approx(expected, rel=0.02)


def test_paths_begin_and_end_at_their_latents(rng):
    first, last = rng.normal(size=(2, 4, 6))
    np.testing.assert_allclose(latent_paths.along(first, last, np.zeros((4, 1))), first)
    np.testing.assert_allclose(latent_paths.along(first, last, np.ones((4, 1))), last)
    middle = latent_paths.along(first, last, np.full((4, 1), 0.5))
    lengths = [np.linalg.norm(z, axis=1) for z in (first, last, middle)]
    np.testing.assert_allclose(lengths[2], (lengths[0] + lengths[1]) / 2)


def test_a_second_run_computes_only_what_is_new(folder, ours, tmp_path):
    def run(setup: Setup) -> tuple[Result, int]:
        space = Colours()
        return measure(setup, ours[:1], [folder / "photos"], (), Named(space, "w"), tmp_path), space.seen

    first, much = run(Setup(50, 0, 0))
    again, none = run(Setup(50, 0, 0))
    assert (much, none) == (150, 0)  # 100 photos, 50 pictures
    assert again.tables == first.tables
    assert run(Setup(52, 0, 0))[1] == 6
    space = Colours()
    measure(Setup(50, 0, 0), ours[:1], [folder / "photos"], (), Named(space, "others"), tmp_path)
    assert space.seen == 150  # other weights of the space: other points


def test_an_interrupted_run_goes_on(folder, ours, tmp_path, result):
    class Interrupted(Colours):
        def __call__(self, images):
            if self.seen >= 150:
                raise KeyboardInterrupt
            return super().__call__(images)

    with pytest.raises(KeyboardInterrupt):
        measure(SMALL, ours[:1], [folder / "photos"], (), Named(Interrupted(), "w"), tmp_path)
    for path in tmp_path.glob("features-*.rows"):  # as if killed while writing
        path.write_bytes(path.read_bytes()[:-5])
    space = Colours()
    found = measure(SMALL, ours[:1], [folder / "photos"], (), Named(space, "w"), tmp_path)
    assert space.seen == 1 + 2 * 2 * 50  # the record that was cut, and both kinds of paths, two pictures each
    values = [[cell.value for cell in each.table("fidelity").rows[0][2:]] for each in (found, result)]
    assert values[0] == pytest.approx(values[1], rel=1e-4, abs=1e-6)


def test_rows_are_kept_by_key(tmp_path, rng):
    points = rng.normal(size=(3, 4)).astype(np.float32)
    kept = FeatureRows(tmp_path, "points", ("a",), 4)
    kept.add(["x", "y"], points[:2])
    kept.add(["y", "z"], points[1:] + np.float32([[1], [0]]))  # y is kept already
    again = FeatureRows(tmp_path, "points", ("a",), 4)
    np.testing.assert_array_equal(again.of(["z", "x", "y", "x"]), points[[2, 0, 1, 0]])
    assert "x" in again
    assert "w" not in again
    assert "x" not in FeatureRows(tmp_path, "points", ("b",), 4)
    assert again.of([]).shape == (0, 4)


def test_folders(folder, tmp_path):
    """Photos at the pictures' size; a file in both classes counts in neither; other formats are told."""
    made = photos_in(tmp_path / "made", 55, 2, "bmp", size=24)
    for name in ("000.png", "001.png"):
        (made / name).write_bytes((folder / "photos" / name).read_bytes())
    (made / "broken.bmp").write_bytes(b"BM")
    space = Colours()
    args = [folder / "photos"], [("mine", made)], Named(space, "w"), tmp_path / "cache"
    table = measure(Setup(200, 100, 0), [], *args).table("fidelity")
    (row,) = table.rows
    assert row[:2] == ("mine", "photos 24x24")
    assert {cell.n for cell in row[2:]} == {55}
    assert row[2].low is None
    assert any("pictures are bmp, photos png" in note for note in table.notes)
    assert space.seen == 108 + 55
    assert measure(Setup(200, 100, 0), [], *args).tables == (table,)  # no path is walked in a folder


def test_a_zip_is_a_folder(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        for path in sorted((folder / "photos").iterdir()):
            packed.write(path, path.name)
    space = Colours()
    args = [], [(None, folder / "few")], Named(space, "w"), tmp_path
    first, second = (
        measure(Setup(50, 0, 0), args[0], [real], *args[1:]) for real in (folder / "photos", tmp_path / "photos.zip")
    )
    assert first.tables == second.tables
    assert space.seen == 150  # files are known by their bytes


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f, o, c: measure(SMALL, [], [], [("a", f / "few")], c, f), "pass --real"),
        (lambda f, o, c: measure(SMALL, [], [], [], c, f), "nothing to measure"),
        (lambda f, o, c: measure(SMALL, o[:1], [], [], c, f), "learned from are not known"),
        (lambda f, o, c: measure(SMALL, o[:1], [f / "none"], [], c, f), "none"),
        (lambda f, o, c: Setup(n=20), "--n 20: must be at least 50"),
        (lambda f, o, c: Setup(rounds=1), "--rounds 1: must be at least 2, or 0"),
    ],
)
def test_what_makes_no_sense_is_refused(call, said, folder, ours, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Refusal, match=said):
        call(folder, ours, Named(Colours(), "w"))


def test_too_few_pictures(folder, tmp_path):
    made = photos_in(tmp_path / "made", 10, 3)
    with pytest.raises(Refusal, match="10 pictures and 60 photos; at least 50"):
        measure(Setup(50, 0, 0), [], [folder / "few"], [(None, made)], Named(Colours(), "w"), tmp_path)


def test_a_run_knows_its_photos(ours, folder, monkeypatch, tmp_path):
    monkeypatch.setattr(fidelity_corpora, "RUNS", tmp_path)
    run = tmp_path / "weights" / "autoencoder"
    run.mkdir(parents=True)

    def write(corpus: str) -> None:
        told = {"family": "autoencoder", "config": {}, "seed": 0, "corpus": corpus, "data": str(folder / "photos")}
        (run / "config.json").write_text(json.dumps(told))

    write(ours[0].told["corpus"])
    assert fidelity_corpora.own_corpus(ours[0]) == folder / "photos"
    write("other")
    with pytest.raises(Refusal, match="pass --real"):
        fidelity_corpora.own_corpus(ours[0])


def test_the_words(result):
    assert [column.name for column in result.table("fidelity").columns[2:]] == [
        "FID-like",
        "KID-like",
        "precision-like",
        "recall-like",
    ]
    assert "colours" in result.table("fidelity").notes[0]
    assert "within this space only" in result.table("fidelity").notes[0]
    unknown = Colours()
    unknown.as_published = True  # Inception of 1,008 classes from an unknown file
    assert "not known by its hash" in fidelity.why(Named(unknown, "w"))
    published = Named(Colours(), "w", published=True)
    words = [published.word(metric) for metric in ("FID", "KID", "precision", "PPL")]
    assert words == ["FID", "KID", "precision-like", "PPL-like"]


def test_a_result_is_kept_and_drawn(result, tmp_path):
    kept = Result.load(result.save(tmp_path))
    assert kept.tables == result.tables
    drawn = figure(kept)
    assert len(drawn.axes) == 4
    names = [label.get_text().split("\n")[0] for label in drawn.axes[0].get_yticklabels()]
    assert names == ["autoencoder", "stylegan", "stylegan2-ada"]
    dots = [[line for line in axes.lines if line.get_marker() == "o"] for axes in drawn.axes]
    assert [len(found) for found in dots] == [3, 3, 6, 5]
    assert [float(dot.get_xdata()[0]) for dot in dots[0]] == [row[2].value for row in result.tables[0].rows[:3]]
    ticks = [line for line in drawn.axes[0].lines if line.get_color() == "#d55e00"]
    assert len(ticks) == 2  # of the two that are set against `photos`
    only = Result(result.benchmark, result.title, result.tables[:1], result.stamp)
    assert len(figure(only).axes) == 3


def test_trimmed_means_are_reported(result, ours, tmp_path):
    kept = FeatureRows(tmp_path, "paths", ("colours",), 1)
    steps = latent_paths.steps(ours[0], Colours(), "z", "end", 50, kept)
    cell = next(row for row in result.table("paths").rows if row[0] == "autoencoder")[2]
    assert isinstance(cell, Measure)
    assert cell.value == pytest.approx(trimmed_mean(steps), rel=1e-3)


def test_command(folder, ours, tmp_path, monkeypatch):
    from app.commands.bench_fidelity import fidelity as command
    from forensics import features

    monkeypatch.setattr(features, "shipped", lambda device="cpu": Colours())
    app = typer.Typer()
    app.command()(command)
    words = [str(folder / "autoencoder.safetensors"), "--real", str(folder / "photos"), "--n", "50", "--paths", "0"]
    words += ["--fake", f"mine={folder / 'few'}", "--rounds", "2", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0
    (path,) = tmp_path.glob("fidelity-*.json")
    found = Result.load(path)
    assert path.with_suffix(".measures.png").exists()
    assert [row[0] for row in found.table("fidelity").rows] == ["autoencoder", "mine", OTHERS]
    assert found.stamp.settings == {"n": 50, "paths": 0, "rounds": 2}
    assert fidelity.Setup(**found.stamp.settings).n == 50
