"""`forensics latent project`: a photo is searched for, what was found is a point, and Ctrl-C keeps it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image
from rich.progress import Progress

from detectors.provenance.declarations import Declarations
from forensics.photo import Photo
from generators import snapshots
from generators.families.dcgan import DCGAN
from generators.families.stylegan import StyleGAN
from generators.families.stylegan2 import StyleGAN2
from generators.latent.points import Point
from generators.latent.space import Space
from generators.trained import load
from tests.app.typed import typed
from tests.generators.latent.tiny import exported

DOWN, ACROSS = np.linspace(30, 220, 40), np.linspace(220, 60, 30)  # of a photo, higher than wide
FILES = ["beside.png", "projected.png", "projected.png.json", "search.mp4", "target.png", "w.safetensors"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {
        "styled": exported(StyleGAN2, folder / "styled.safetensors"),
        "stylegan": exported(StyleGAN, folder / "stylegan.safetensors"),
        "classed": exported(StyleGAN2, folder / "classed.safetensors", labels=3),
        "grey": exported(StyleGAN2, folder / "grey.safetensors", channels=1),
        "plain": exported(DCGAN, folder / "plain.safetensors"),
    }


@pytest.fixture
def latent(monkeypatch, capfd, tmp_path, weights):
    """Run `forensics latent` in a folder with a photo without a face: exit code and standard error."""
    monkeypatch.setattr("detectors.known.reference.DRAWN", 300)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.stack(np.broadcast_arrays(DOWN[:, None], ACROSS, 90), 2).astype(np.uint8)).save("photo.png")

    def run(*words: object) -> tuple[int, str]:
        return typed(["latent", *(str(weights.get(str(word), word)) for word in words)], monkeypatch, capfd)

    return run


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def told_in(folder: str) -> dict:
    return json.loads((Path(folder) / "projected.png.json").read_text())


@pytest.mark.parametrize(
    ("family", "where"), [("styled", "w"), ("styled", "w+"), ("stylegan", "w+"), ("classed", "w")]
)
def test_what_is_found_is_a_point_that_paints_the_picture_found(latent, weights, family, where):
    words = ["--in", where, "--no-align", "--no-noise", "--steps", 8, "--out", "found"]
    code, said = latent("project", family, "photo.png", *words)
    assert code == 0, said
    assert "distance" in said
    assert sorted(path.name for path in Path("found").iterdir()) == FILES
    point, told = Point.of("found/w.safetensors"), told_in("found")
    same = torch.equal(point.w, point.w[:1].expand_as(point.w))
    assert same == (where == "w")
    space = Space(load(weights[family]))
    assert np.abs(space.of_w(space.w(point)).astype(int) - pixels("found/projected.png")).max() <= 1
    assert (told["finished"], told["in"], told["steps"], told["aligned"]) == (True, where, 8, False)
    assert len(told["curve"]) == 9
    assert told["distance"] == min(told["curve"][6:])  # of the steps without noise
    assert point.told["weights"] == space.trained.sha256
    assert latent("apply", family, "found/w.safetensors", "--out", "a.png") == (0, "applied: a.png")
    assert np.array_equal(pixels("a.png"), space.of_w(space.w(point)))
    assert latent("walk", family, "found/w.safetensors", "5", "--frames", 3, "--out", "w.gif")[0] == 0
    again = json.loads(Path("w.gif.json").read_text())["points"]
    assert again[0]["saved"]["photo"] == "photo.png"


def test_the_middle_square_is_what_is_searched_for_without_a_face(latent):
    assert latent("project", "styled", "photo.png", "--no-align", "--steps", 2, "--out", "found")[0] == 0
    target = pixels("found/target.png").astype(int)
    assert target.shape == (16, 16, 3)
    at = (np.arange(16) + 0.5) * 30 / 16 - 0.5
    expected = np.interp(at + 5, np.arange(40), DOWN)[:, None], np.interp(at, np.arange(30), ACROSS)
    for channel, middle in enumerate(expected):
        assert np.abs(target[..., channel] - middle).max() < 6
    for name in ("projected.png", "beside.png"):
        assert Declarations.load(None).examine(Photo.open(Path("found") / name)).claim.says == "generated"
    with av.open("found/search.mp4") as film:
        assert "trainedAlgorithmicMedia" in film.metadata["comment"]
        assert [frame.to_ndarray(format="rgb24").shape for frame in film.decode(video=0)] == [(256, 512, 3)] * 2


def test_noise_maps_are_kept_beside_w_and_told_apart_from_it(latent, weights):
    assert latent("project", "styled", "photo.png", "--no-align", "--steps", 8, "--out", "found")[0] == 0
    tensors, _ = snapshots.read(Path("found/w.safetensors"))
    family = load(weights["styled"]).family
    maps = {n.removeprefix("noise.average."): t for n, t in tensors.items() if n.startswith("noise.")}
    own = {name: t for name, t in family.average.named_buffers() if name.endswith("noise_const")}
    assert {name: t.shape for name, t in maps.items()} == {name: t.shape for name, t in own.items()}
    for name, noise in own.items():
        assert not torch.equal(noise, maps[name])
        noise.copy_(maps[name])
    with torch.no_grad():
        drawn = family.from_w(tensors["w"][None])[0].permute(1, 2, 0)
    found = pixels("found/projected.png").astype(float)
    assert np.abs((drawn.numpy() + 1) * 127.5 - found).max() <= 1.01
    told = told_in("found")
    target = pixels("found/target.png").astype(float)
    assert told["pixels"]["rms"] == pytest.approx(np.sqrt(np.square(target - found).mean()))
    assert told["pixels without its noise maps"]["rms"] != told["pixels"]["rms"]


def test_families_without_w_are_searched_in_z_and_leave_no_point(latent):
    assert latent("project", "plain", "photo.png", "--no-align", "--steps", 4, "--out", "found")[0] == 0
    assert sorted(path.name for path in Path("found").iterdir()) == [n for n in FILES if n != "w.safetensors"]
    assert (told_in("found")["in"], told_in("found")["starts"]) == ("z", 2)


def test_the_same_search_finds_the_same(latent):
    for folder in ("one", "two"):
        assert latent("project", "styled", "photo.png", "--no-align", "--steps", 5, "--out", folder)[0] == 0
    for name in FILES[:2]:
        assert (Path("one") / name).read_bytes() == (Path("two") / name).read_bytes()
    assert torch.equal(Point.of("one/w.safetensors").w, Point.of("two/w.safetensors").w)
    assert latent("project", "styled", "photo.png", "--no-align", "--steps", 5, "--seed", 1, "--out", "other")[0] == 0
    assert not torch.equal(Point.of("one/w.safetensors").w, Point.of("other/w.safetensors").w)


def test_stopped_early_it_keeps_what_it_found(latent, monkeypatch):
    plain = Progress.update

    def update(bar, task, **how):
        if how.get("completed") == 3:
            os.kill(os.getpid(), signal.SIGINT)
        plain(bar, task, **how)

    monkeypatch.setattr(Progress, "update", update)
    code, said = latent("project", "styled", "photo.png", "--no-align", "--steps", 90, "--out", "found")
    assert code == 0
    assert "stopped early" in said
    assert sorted(path.name for path in Path("found").iterdir()) == FILES
    told = told_in("found")
    assert (told["finished"], len(told["curve"])) == (False, 4)
    assert Point.of("found/w.safetensors").w.shape == (6, 8)
    with av.open("found/search.mp4") as film:
        assert len(list(film.decode(video=0))) == 3


def test_a_face_is_aligned_as_the_training_photos_were(latent, portrait_file):
    code, said = latent("project", "styled", portrait_file, "--steps", 2, "--out", "face")
    assert code == 0, said
    assert told_in("face")["aligned"]
    assert latent("project", "styled", portrait_file, "--steps", 2, "--out", "whole", "--no-align")[0] == 0
    gap = np.abs(pixels("face/target.png").astype(int) - pixels("whole/target.png")).mean()
    assert gap > 20


def test_a_photo_without_a_face_is_refused_with_what_to_do(latent):
    code, said = latent("project", "styled", "photo.png", "--out", "found")
    assert code == 2
    assert said.startswith("error: photo.png: No face was found")
    assert "With --no-align the middle square is taken" in said
    assert len(said.splitlines()) == 1
    assert not Path("found").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("styled photo.png --in z", "--in z: stylegan2 is searched in w or w+"),
        ("styled photo.png --in v", "--in v: must be one of w, w+, z"),
        ("plain photo.png --in w", "--in w: dcgan is searched in z"),
        ("plain photo.png --in w+", "--in w+: dcgan is searched in z"),
        ("grey photo.png", "only square RGB fits"),
        ("styled none.png", "none.png: "),
        ("styled text.png", "text.png: not a photo"),
        ("nobody photo.png", "nobody: no such run"),
        ("styled photo.png --framing 0", "--framing 0: must be"),
        ("styled photo.png --framing nan", "--framing nan: must be"),
        ("styled photo.png --framing=-1", "--framing -1: must be"),
    ],
)
def test_what_cannot_be_searched_for_is_one_line_and_writes_nothing(latent, words, says):
    Path("text.png").write_text("no photo")
    code, said = latent("project", *words.split(), "--no-align", "--out", "found")
    assert code == 2
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert says in said
    assert not Path("found").exists()
