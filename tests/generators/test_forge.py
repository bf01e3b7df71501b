from __future__ import annotations

import hashlib
import io
import json

import numpy as np
import pytest
import torch
import typer
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner

from forensics.corpus import Corpus
from forensics.photo import Photo
from forensics.places import GENERATOR_WEIGHTS
from forensics.refusal import Refusal
from generators import snapshots
from generators.declare import FORMATS, SOURCE_TYPE, declared
from generators.forge import forge, seeds_of
from generators.plan import Plan
from generators.trained import export, load
from generators.training import train


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    train(Plan("dcgan", pictures, kimg=0.04, preset="tiny", batch=4), out, "cpu")
    return out


def pixels_of(corpus: Corpus) -> dict[str, bytes]:
    return {entry.seed: Photo.open(corpus.path(entry)).pixels.tobytes() for entry in corpus}


def test_one_seed_is_one_picture_whatever_it_is_made_with(run, tmp_path):
    trained = load(run)
    many = pixels_of(forge(trained, range(32), tmp_path / "many"))
    assert len(set(many.values())) == 32
    for seed in (0, 7, 31):
        alone = pixels_of(forge(load(run), [seed], tmp_path / f"alone{seed}"))
        assert alone == {str(seed): many[str(seed)]}
    torch.manual_seed(99)  # the global generator has no say
    assert trained.picture(5).tobytes() == many["5"]
    torch.set_num_threads(2)
    assert trained.picture(6).tobytes() == many["6"]


def test_manifest_says_what_was_made(run, tmp_path):
    corpus = forge(load(run), [3, 1, 2], tmp_path / "fakes")
    assert corpus.entries == Corpus.open(tmp_path / "fakes").entries
    assert [entry.seed for entry in corpus] == ["1", "2", "3"]
    for entry in corpus:
        assert (entry.label, entry.maker, entry.domain) == ("fake", "dcgan", "photos")
        assert entry.sha256 == hashlib.sha256(corpus.path(entry).read_bytes()).hexdigest()
        assert (entry.width, entry.height) == (16, 16)
        assert entry.group == f"seed {entry.seed}"
        assert entry.split
    config = json.loads((tmp_path / "fakes" / "config.json").read_text())
    assert config["weights"] == hashlib.sha256(snapshots.latest(run).read_bytes()).hexdigest()
    assert config["trained"]["preset"] == "tiny"


def test_interrupted_forging_goes_on_and_more_seeds_join(run, tmp_path):
    class Stop(Exception):
        pass

    def stop(done: int) -> None:
        if done == 2:
            raise Stop

    trained, out = load(run), tmp_path / "fakes"
    with pytest.raises(Stop):
        forge(trained, range(4), out, progress=stop)
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert len(stamps) == 2
    assert len(forge(trained, range(4), out)) == 4
    assert {name: (out / name).stat().st_mtime_ns for name in stamps} == stamps
    assert len(forge(trained, [10], out)) == 5
    with pytest.raises(Refusal, match="other pictures"):
        forge(trained, [1], out, "webp")


@pytest.mark.parametrize("kind", FORMATS)
def test_pictures_declare_themselves(run, tmp_path, kind):
    corpus = forge(load(run), [4], tmp_path / "fakes", kind)
    photo = Photo.open(corpus.path(corpus.entries[0]))
    assert f'DigitalSourceType="{SOURCE_TYPE}"'.encode() in photo.xmp
    software = photo.text.get("Software") or photo.exif.get("Software")
    assert software.startswith("deepfake-forensics")
    assert "dcgan" in software
    if kind != "jpg":
        assert np.array_equal(photo.pixels, load(run).picture(4))


def test_png_declares_in_the_chunks_that_readers_look_in():
    data = declared(np.zeros((4, 4, 3), np.uint8), 'a "maker" & co')
    image = Image.open(io.BytesIO(data))
    image.load()
    assert b"iTXtXML:com.adobe.xmp\0" in data
    assert b"tEXtSoftware\0" in data
    assert SOURCE_TYPE in image.text["XML:com.adobe.xmp"]
    assert image.getxmp()["xmpmeta"]["RDF"]["Description"]["DigitalSourceType"] == SOURCE_TYPE
    assert image.getxmp()["xmpmeta"]["RDF"]["Description"]["CreatorTool"] == 'a "maker" & co'


def test_export_is_small_repeatable_and_makes_nearly_the_same_pictures(run, tmp_path):
    first, second = export(run, tmp_path / "a.safetensors"), export(run, tmp_path / "b.safetensors")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < snapshots.latest(run).stat().st_size / 3
    small, whole = load(first), load(run)
    assert small.told["config"] == whole.told["config"]
    assert small.told["domain"] == "photos"
    difference = small.picture(1).astype(int) - whole.picture(1)
    assert np.abs(difference).max() <= 2


def test_refuses_what_is_no_generator(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.safetensors").write_text("no weights")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    weights, told = snapshots.read(export(run, tmp_path / "good.safetensors"))
    huge = {**told, "config": {**told["config"], "width": 2**20}}
    odd = {**told, "config": {**told["config"], "colour": "blue"}}
    snapshots.save_at_once(weights, tmp_path / "huge.safetensors", huge)
    snapshots.save_at_once(weights, tmp_path / "odd.safetensors", odd)
    snapshots.save_at_once(weights, tmp_path / "alien.safetensors", {**told, "family": "biggan"})
    for name, says in (
        ("dcgann", "no such run, weights file or family.*did you mean 'dcgan'"),
        (tmp_path / "empty", "no training run"),
        (tmp_path / "text.safetensors", "cannot be read"),
        (tmp_path / "other.safetensors", "not written by"),
        (tmp_path / "huge.safetensors", "does not fit"),  # and takes no memory for it
        (tmp_path / "odd.safetensors", "config is not one of"),
        (tmp_path / "alien.safetensors", "no family 'biggan'"),
    ):
        with pytest.raises(Refusal, match=says):
            load(name)


def test_what_ships_forges_at_once(tmp_path):
    trained = load("dcgan")
    assert trained.weights == GENERATOR_WEIGHTS / "dcgan.safetensors"
    assert trained.weights.stat().st_size < 8 * 2**20
    pictures = np.stack([trained.picture(seed) for seed in range(8)])
    assert pictures.shape == (8, 64, 64, 3)
    assert pictures.std(axis=0).mean() > 10  # not one picture eight times
    card = (GENERATOR_WEIGHTS / "dcgan.md").read_text(encoding="utf-8")
    assert trained.sha256 in card
    assert trained.told["corpus"] in card
    assert f"{trained.told['step']:,} steps" in card


def test_seeds():
    assert seeds_of("0-3,600, 2 , 7-7") == [0, 1, 2, 3, 600, 7]
    for bad in ("", "a", "1-", "-1", "3-1", "1,,2", "0-99999999999", "1.5"):
        with pytest.raises(Refusal, match="--seeds"):
            seeds_of(bad)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 50)), min_size=1, max_size=5))
def test_seeds_are_each_named_once(spans):
    text = ",".join(f"{first}-{first + more}" for first, more in spans)
    expected = {seed for first, more in spans for seed in range(first, first + more + 1)}
    seeds = seeds_of(text)
    assert len(seeds) == len(set(seeds))
    assert set(seeds) == expected


def test_command(run, tmp_path):
    from app.commands import make

    app = typer.Typer()
    app.command()(make.forge)
    done = CliRunner().invoke(app, [str(run), "--seeds", "0-2", "--out", str(tmp_path / "fakes")])
    assert done.exit_code == 0, done.output
    assert len(Corpus.open(tmp_path / "fakes").where(label="fake", maker="dcgan")) == 3
