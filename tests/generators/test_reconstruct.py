from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from forensics.corpus import Corpus, Entry
from forensics.photo import Photo
from forensics.refusal import Refusal
from generators.declare import SOURCE_TYPE
from generators.forge import Recipe, forge
from generators.plan import Plan
from generators.reconstruct import reconstruct
from generators.source import corpus_at
from generators.trained import load
from generators.training import train


@pytest.fixture(scope="module", params=["autoencoder", "vae"])
def run(request, pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    train(Plan(request.param, pictures, kimg=1, preset="tiny", batch=6, changes=("lr=0.01",)), out, "cpu")
    return out


def pixels_of(corpus: Corpus, name: str) -> np.ndarray:
    return Photo.open(corpus.root / name).pixels.astype(float)


def test_a_fake_lies_on_its_photo(run, pictures, tmp_path):
    photos = corpus_at(pictures)
    made = reconstruct(load(run), photos, tmp_path / "fakes", Recipe())
    assert made.left_out == ()
    assert len(made.corpus) == len(photos)
    assert made.corpus.entries == Corpus.open(tmp_path / "fakes").entries
    fakes = {e.path: pixels_of(made.corpus, e.path) for e in made.corpus}
    for name, fake in fakes.items():
        photo = np.asarray(Image.open(pictures / name).resize((16, 16), Image.Resampling.BOX)).astype(float)
        away = {other: np.abs(photo - each).mean() for other, each in fakes.items()}
        assert min(away, key=away.get) == name
        assert fake.shape == (16, 16, 3)


def test_pairs_share_group_split_and_domain(run, pictures, tmp_path):
    root = tmp_path / "photos"
    shutil.copytree(pictures, root)
    entries = (
        Entry("00.png", "real", "camera", "faces", "person 1", "test", licence="CC0"),
        Entry("01.png", "real", "camera", "faces"),
        Entry("02.png", "fake", "dcgan"),
    )
    Corpus(root, entries).save()
    photos = Corpus.open(root)
    fakes = reconstruct(load(run), photos, tmp_path / "fakes", Recipe()).corpus
    first, second = fakes
    assert (first.group, first.split, first.domain, first.licence) == ("person 1", "test", "faces", "CC0")
    assert second.split == photos.entries[1].split
    assert {e.label for e in fakes} == {"fake"}
    assert first.source.startswith("00.png ")


def test_stopped_it_goes_on_and_the_same_pictures_come(run, pictures, tmp_path):
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 12
        if done == 5:
            raise Stop

    trained, photos = load(run), corpus_at(pictures)
    with pytest.raises(Stop):
        reconstruct(trained, photos, tmp_path / "a", Recipe(), stop)
    assert len(Corpus.open(tmp_path / "a")) == 5
    assert reconstruct(trained, photos, tmp_path / "a", Recipe()).corpus.entries == (
        reconstruct(load(run), photos, tmp_path / "b", Recipe()).corpus.entries
    )
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["photos"] == photos.where(label="real").sha256


def test_only_what_the_manifest_tells_of_is_taken_for_done(run, pictures, tmp_path):
    trained, photos, out = load(run), corpus_at(pictures), tmp_path / "fakes"
    whole = reconstruct(trained, photos, out, Recipe()).corpus
    good = {path.name: path.read_bytes() for path in out.glob("*.png")}
    (out / "01.png").write_bytes(good["01.png"][:100])  # the disk was full
    (out / "02.png").write_bytes(good["03.png"])
    Corpus(out, tuple(entry for entry in whole if entry.path != "04.png")).save()
    (out / "04.png").write_bytes(b"no picture, and no row of the manifest")
    assert reconstruct(trained, photos, out, Recipe()).corpus.entries == whole.entries
    assert {path.name: path.read_bytes() for path in out.glob("*.png")} == good


def test_they_declare_themselves(run, pictures, tmp_path):
    for format in ("png", "jpg"):
        made = reconstruct(load(run), corpus_at(pictures), tmp_path / format, Recipe(format))
        for entry in made.corpus:
            assert SOURCE_TYPE.encode() in made.corpus.path(entry).read_bytes()


def test_bad_files_are_said_and_the_rest_is_made(run, pictures, tmp_path):
    root = tmp_path / "photos"
    shutil.copytree(pictures, root)
    (root / "03.png").write_bytes(b"no picture")
    Image.open(root / "04.png").save(root / "04.webp")  # the same stem
    made = reconstruct(load(run), corpus_at(root), tmp_path / "fakes", Recipe())
    assert len(made.left_out) == 1
    assert made.left_out[0].startswith("03.png: ")
    assert {"04.png.png", "04.webp.png", "05.png"} <= {e.path for e in made.corpus}
    assert len(made.corpus) == 12


def test_refusals(run, pictures, tmp_path):
    photos = corpus_at(pictures)
    dcgan = tmp_path / "dcgan"
    train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), dcgan, "cpu")
    with pytest.raises(Refusal, match="cannot reconstruct"):
        reconstruct(load(dcgan), photos, tmp_path / "fakes", Recipe())
    trained = load(run)
    forge(trained, [0], tmp_path / "forged")
    with pytest.raises(Refusal, match="other pictures"):
        reconstruct(trained, photos, tmp_path / "forged", Recipe())
    reconstruct(trained, photos, tmp_path / "redrawn", Recipe())
    with pytest.raises(Refusal, match="other pictures"):
        forge(trained, [0], tmp_path / "redrawn")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text("[]")
    with pytest.raises(Refusal, match=r"config\.json is none of ours"):
        reconstruct(trained, photos, tmp_path / "odd", Recipe())
    fakes = corpus_at(tmp_path / "redrawn")
    with pytest.raises(Refusal, match="no real photos"):
        reconstruct(trained, fakes, tmp_path / "more", Recipe())


def test_a_spatial_autoencoder_keeps_each_photos_size(pictures, tmp_path):
    changes = ("architecture=spatial", "latent=64", "hidden=4,8")
    plan = Plan("autoencoder", pictures, kimg=0.012, preset="tiny", batch=6, changes=changes)
    train(plan, tmp_path / "run", "cpu")
    root = tmp_path / "photos"
    root.mkdir()
    for name, size in (("a.png", (24, 24)), ("b.png", (31, 18))):
        Image.open(pictures / "00.png").resize(size).save(root / name)
    made = reconstruct(load(tmp_path / "run"), corpus_at(root), tmp_path / "fakes", Recipe()).corpus
    assert [(e.width, e.height) for e in made] == [(24, 24), (31, 18)]
    assert [pixels_of(made, e.path).shape for e in made] == [(24, 24, 3), (18, 31, 3)]


def test_classes_of_folders_are_kept(run, pictures, tmp_path):
    for number, picture in enumerate(sorted(pictures.iterdir())):
        place = tmp_path / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, place / picture.name)
    made = reconstruct(load(run), corpus_at(tmp_path / "photos"), tmp_path / "fakes", Recipe()).corpus
    assert {(e.path.split("/")[0], e.kind) for e in made} == {("cat", "cat"), ("dog", "dog")}
