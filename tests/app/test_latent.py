"""`forensics latent`: what each command writes, that it can be repeated, and one line where it cannot be done."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from detectors.provenance.declarations import Declarations
from forensics.photo import Photo
from generators.families.dcgan import DCGAN
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.latent.direction import Direction, load, save
from generators.latent.points import Point
from generators.latent.points import save as save_point
from generators.latent.space import Space
from generators.trained import load as trained
from tests.app.typed import typed
from tests.generators.latent.tiny import exported


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {
        "styled": exported(StyleGAN2, folder / "styled.safetensors"),
        "classed": exported(StyleGAN2ADA, folder / "classed.safetensors", labels=3),
        "plain": exported(DCGAN, folder / "plain.safetensors"),
    }


@pytest.fixture
def latent(monkeypatch, capfd, tmp_path, weights):
    """Run `forensics latent` in an empty folder: exit code and standard error. A name of weights is their file."""
    monkeypatch.setattr("generators.latent.space.DRAWN", 1000)
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str]:
        return typed(["latent", *(str(weights.get(str(word), word)) for word in words)], monkeypatch, capfd)

    return run


def written() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def pixels(path: str | Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize(
    "words",
    [
        "walk styled 0-2 --frames 6 --out a/walk.png --truncation 0.7",
        "walk plain 0-2 --frames 4 --out walk.gif --loop --easing none --fps 10 --scale 2 --print-seeds",
        "walk classed 3,4 --frames 3 --out walk.png --in z --class dog",
        "mix styled --rows 0-1 --columns 5 --columns 7 --layers middle --out mix.png --scale 3",
        "truncate classed 1 2 --psi 0:1:3 --cutoff 2,all --centres 3 --out grid.png",
        "directions styled --n 2 --layers 0-3 --rename sefa-1=turn --out a/b/d.safetensors",
        "directions classed --method pca --n 3 --class 1 --out d.safetensors",
        "apply styled 4 --move pca-0=2 --move sefa-1@coarse=-1.5 --mix 9@4-5 --truncation 0.8 --out one.png",
        "apply styled 4-6 --move pca-0=2 --out strip.png",
        "apply styled 4-5 --sweep pca-1 --strengths=-1,0,1 --out sweep.png",
        "apply styled 4 --sweep pca-1 --strengths 0:2:3 --out sweep.gif",
    ],
)
def test_every_command_leaves_how_to_repeat_it_to_the_byte(latent, words):
    code, said = latent(*words.split())
    out = Path(words.partition("--out ")[2].split()[0])
    assert code == 0, said
    assert str(out) in said.replace("\n", "")
    first = written()
    told = json.loads(first.pop(f"{out}.json"))
    assert {"command", "points", "class", "weights", "family", "device", "versions"} <= told.keys()
    assert len(first) == (2 if "directions" in words else 1)
    for name in first:
        Path(name).unlink()
        if name.endswith(".png"):
            assert Declarations.load(None).examine(Photo.open(first[name])).claim.says == "generated"
    assert told["command"][:2] == ["forensics", "latent"]
    assert latent(*told["command"][2:])[0] == 0
    assert {name: data for name, data in written().items() if name != f"{out}.json"} == first


def test_one_point_applied_is_its_picture_pixel_for_pixel(latent, weights):
    assert latent("apply", "styled", 12, "--truncation", 0.6, "--out", "a.png")[0] == 0
    assert np.array_equal(pixels("a.png"), trained(weights["styled"]).picture(12, 0.6))
    assert latent("apply", "classed", 12, "--class", "owl", "--out", "b.png")[0] == 0
    assert np.array_equal(pixels("b.png"), trained(weights["classed"]).picture(12, label=2))


def test_a_sweep_as_a_film_goes_there_and_back(latent):
    assert latent(*"apply styled 4 --sweep pca-0 --strengths=-2:2:5 --fps 12 --out s.webm".split())[0] == 0
    with av.open("s.webm") as film:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 12
    assert len(frames) == 8
    for there, back in ((1, 7), (2, 6), (3, 5)):
        assert np.abs(frames[there] - frames[back]).mean() < 3 < np.abs(frames[0] - frames[4]).mean()


@pytest.mark.parametrize(("family", "where"), [("styled", "w"), ("plain", "z")])
def test_a_walk_is_a_film_of_the_frames_and_pace_that_were_asked_for(latent, family, where):
    code, said = latent("walk", family, "0,3", "--frames", 9, "--fps", 15, "--out", "w.mp4")
    assert code == 0
    assert "9 frames by way of 2 points" in said
    with av.open("w.mp4") as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 15
    assert (len(frames), frames[0].shape) == (9, (256, 256, 3))
    told = json.loads(Path("w.mp4.json").read_text())
    assert (told["in"], [point["seed"] for point in told["points"]]) == (where, [0, 3])


def test_a_strip_has_a_row_of_ten_frames_and_seeds_when_asked(latent):
    assert latent(*"walk styled 0,3 --frames 12 --scale 2 --out w.png".split())[0] == 0
    assert pixels("w.png").shape == (2 * 36, 10 * 36, 3)
    assert latent(*"walk styled 0,3 --frames 12 --scale 8 --out s.png --print-seeds".split())[0] == 0
    assert latent(*"walk styled 0,3 --frames 12 --scale 8 --out p.png".split())[0] == 0
    assert pixels("s.png").shape == pixels("p.png").shape
    assert not np.array_equal(pixels("s.png"), pixels("p.png"))


def labels(path: str, seeds: int = 40, cell: str = "") -> None:
    with open(path, "w", newline="") as file:
        rows = [[seed, int(seed % 3 == 0), cell or int(seed % 2)] for seed in range(seeds)]
        csv.writer(file).writerows([["seed", "hat", "big smile"], *rows])


def test_directions_from_labels_are_named_told_and_followed(latent):
    labels("l.csv")
    code, said = latent(*"directions styled --labels l.csv --method svm --rename hat=cap --out d.safetensors".split())
    assert code == 0
    said = re.sub(r"[│\s]+", " ", said)  # a table, that is wrapped
    assert "on seeds left out, n = 40" in said
    assert "no better than chance" in said  # every third seed: nothing that w could tell
    found, told = load(Path("d.safetensors"))
    assert ([d.name for d in found], told["method"]) == (["cap", "big smile"], "svm")
    code, said = latent(
        *"apply styled 0 --directions d.safetensors --move cap@0=1 --out a.png".split(), "--sweep", "cap"
    )
    assert code == 0, said
    assert "--move" in json.loads(Path("a.png.json").read_text())["command"]


def test_a_w_of_other_weights_is_noted(latent, weights):
    save_point(torch.zeros(6, 8), Path("face.safetensors"), {"weights": "0" * 64})
    code, said = latent("apply", "styled", "face.safetensors", "--out", "a.png")
    assert code == 0
    assert "note: face: w of other weights than these" in said
    space = Space(trained(weights["styled"]))
    assert np.array_equal(pixels("a.png"), space.of_w(space.w(Point("", w=torch.zeros(6, 8)))))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("walk styled 3 --out w.mp4", "needs two points"),
        ("walk styled 0-3 --out w.avi", "must end in .mp4"),
        ("walk styled 0-3 --frames 61 --out w.png", "at most 60"),
        ("walk styled 0-3 --frames 1 --out w.mp4", "give 2 to"),
        ("walk stylegan2 0-3 --frames 60 --scale 64 --out w.png", "megapixels"),
        ("walk styled 0-3 --in y --out w.mp4", "must be in w or z"),
        ("walk styled 0-3 --easing odd --out w.mp4", "must be none or smooth"),
        ("walk styled 0-3 --fps 1e-9 --out w.mp4", "frames a second"),
        ("walk styled 0-3 --scale 0 --out w.mp4", "give 1 to 64"),
        ("walk styled 0-3 --truncation nan --out w.mp4", "--truncation nan"),
        ("walk plain 0-3 --in w --out w.mp4", "dcgan has no w"),
        ("walk plain 0-3 --truncation 0.5 --out w.mp4", "cannot truncate"),
        ("walk nobody 0-3 --out w.mp4", "nobody: no such run"),
        ("walk styled 0-3 --class cat --out w.mp4", "has no classes"),
        ("walk classed 0-3 --class dodo --out w.mp4", "one of cat, dog, owl"),
        ("walk styled 0-3 none.safetensors --out w.mp4", "no such file, and no seed"),
        ("walk styled 0-3 --out w.mp4/", "is a folder"),
        ("mix plain --rows 0 --columns 1 --out m.png", "dcgan has no w"),
        ("mix styled --rows 0 --columns 1 --layers 6 --out m.png", "this generator has 0 to 5"),
        ("mix styled --rows 0 --columns 1 --layers nose --out m.png", "coarse, middle, fine, all"),
        ("mix styled --rows 0 --columns 1 --layers fine --out m.png", "none of these"),
        ("mix styled --rows 0-99 --columns 0-99 --out m.png", "megapixels"),
        ("mix styled --rows 0 --columns 1 --scale -1 --out m.png", "give 1 to 64"),
        ("mix styled --rows 0 --columns 1 --out m.jpg", "must end in .png"),
        ("truncate plain 0 --out t.png", "dcgan has no w"),
        ("truncate styled 0 --psi a --out t.png", "--psi 'a': give numbers"),
        ("truncate styled 0 --psi 0,nan --out t.png", "give numbers"),
        ("truncate styled 0 --psi 0:1 --out t.png", "give numbers"),
        ("truncate styled 0 --psi 0:1:1000 --out t.png", "give numbers"),
        ("truncate styled 0 --psi 4 --out t.png", "must be -3 to 3"),
        ("truncate styled 0 --cutoff 7 --out t.png", "give 1 to 6, or all"),
        ("truncate styled 0 --centres 0 --out t.png", "0 centres: give 1 to 256"),
        ("truncate styled 0-999 --psi 0:1:9 --out t.png", "megapixels"),
        ("truncate styled 0 --scale 0 --out t.png", "give 1 to 64"),
        ("truncate styled 0 --out t.webp", "must end in .png"),
        ("directions plain --out d.safetensors", "dcgan has no w"),
        ("directions styled --out d.png", "must end in .safetensors"),
        ("directions styled --method magic --out d.safetensors", "one of sefa, pca, logistic, svm"),
        ("directions styled --method svm --out d.safetensors", "needs --labels"),
        ("directions styled --labels few.csv --out d.safetensors", "takes no --labels"),
        ("directions styled --method svm --labels few.csv --out d.safetensors", "10 of each are needed"),
        ("directions styled --method svm --labels odd.csv --out d.safetensors", "odd.csv, line 2: give a seed"),
        ("directions styled --method svm --labels none.csv --out d.safetensors", "cannot be read as CSV"),
        ("directions styled --n 9 --out d.safetensors", "give 1 to 8"),
        ("directions styled --layers 5 --out d.safetensors", "no convolution reads w"),
        ("directions styled --rename turn --out d.safetensors", "give OLD=NEW"),
        ("directions styled --rename sefa-9=turn --out d.safetensors", "no direction 'sefa-9'"),
        ("directions styled --out taken.safetensors", "taken.png: is a folder"),
        ("apply plain 0 --out a.png", "dcgan has no w"),
        ("apply styled 0-1 --sweep pca-0 --out new/a.mp4", "a film is of one point, 2 were given"),
        ("apply styled 0 --move pca-0=1 --out a.mp4", "with --sweep"),
        ("apply styled 0 --move pca-0 --out a.png", "give NAME=STRENGTH"),
        ("apply styled 0 --move pca-0=99 --out a.png", "strengths are -20 to 20"),
        ("apply styled 0 --move pca-0=1e400 --out a.png", "give NAME=STRENGTH"),
        ("apply styled 0 --move frown=1 --out a.png", "no direction 'frown'"),
        ("apply styled 0 --sweep frown --out new/a.gif", "no direction 'frown'"),
        ("apply styled 0 --sweep pca-0 --strengths 0,21 --out new/a.gif", "strengths are"),
        ("apply styled 0 --sweep pca-0 --strengths x --out a.png", "--strengths 'x'"),
        ("apply styled 0 --mix 4 --out a.png", "give POINT@LAYERS"),
        ("apply styled 0 --mix 4@6 --out a.png", "0 to 5"),
        ("apply styled 0-999 --sweep pca-0 --strengths 0:1:200 --out a.png", "megapixels"),
        ("apply styled 0 --directions few.csv --out a.png", "cannot be read as safetensors"),
        ("apply styled 0 --directions wide.safetensors --out a.png", "'wide' has 9 numbers"),
        ("apply styled row.safetensors --out a.png", "its w is 3x8; stylegan2 here takes 6x8"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(latent, words, says):
    labels("few.csv", 19)
    labels("odd.csv", cell="perhaps")
    save([Direction("wide", torch.zeros(9), 1.0)], Path("wide.safetensors"), {})
    save_point(torch.zeros(3, 8), Path("row.safetensors"), {})
    Path("taken.png").mkdir()
    if "w.mp4/" in words:
        Path("w.mp4").mkdir()
    before = sorted(Path().rglob("*"))
    code, said = latent(*words.split())
    assert code == 2
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert says in said
    assert sorted(Path().rglob("*")) == before
