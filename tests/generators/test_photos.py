"""What a generator learns from: every photo once a round, in a known order, with its label, of 1 to 4 channels."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.corpus import Corpus
from forensics.refusal import Refusal
from generators.photos import Photos, decode, one_round
from generators.source import corpus_at


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder).as_posix())
    return archive


def test_each_round_shows_every_photo_once_in_an_order_of_its_own(pictures, tmp_path):
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    assert len(photos) == 12
    shown = np.concatenate([photos.batch(5, start, 4)[0] for start in range(0, 24, 4)])  # two rounds
    for part in (shown[:12], shown[12:]):
        seen = {min(p.tobytes(), p[:, ::-1].tobytes()) for p in part}
        assert len(seen) == 12
    assert not np.array_equal(shown[:12], shown[12:])
    assert np.array_equal(photos.batch(5, 10, 4)[0], shown[10:14])  # across a round's end
    mirrored = one_round(0, 0, 10_000)[1].mean()
    assert 0.47 < mirrored < 0.53


def test_photos_are_mirrored_only_where_that_is_wanted(pictures, tmp_path):
    photos = decode(Corpus.open(pictures), (16, 16), tmp_path / "spill.npy")
    as_they_are = {p.tobytes() for p in photos.pixels}
    assert {p.tobytes() for p in photos.batch(0, 0, 12, mirror=False)[0]} == as_they_are
    assert not {p.tobytes() for p in photos.batch(0, 0, 12)[0]} <= as_they_are


def test_labels_go_with_their_photos():
    pixels = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    photos = Photos(pixels, "", (), np.eye(6, dtype=np.float32), tuple("abcdef"))
    for start in (0, 4, 11):
        images, labels = photos.batch(3, start, 5)
        assert images.shape == (5, 2, 3, 1)
        assert labels.dtype == np.float32
        assert np.array_equal(labels.argmax(1), images[:, 0, 0, 0])


def test_large_corpora_are_decoded_into_a_file(pictures, tmp_path, monkeypatch):
    corpus = Corpus.open(pictures)
    small = decode(corpus, (16, 16), tmp_path / "spill.npy")
    assert not (tmp_path / "spill.npy").exists()
    monkeypatch.setattr("generators.photos.IN_MEMORY", 1000)
    large = decode(corpus, (16, 16), tmp_path / "spill.npy")
    assert np.load(tmp_path / "spill.npy", mmap_mode="r").shape == (12, 16, 16, 3)
    assert np.array_equal(small.pixels, large.pixels)
    assert small.sha256 == large.sha256


def test_bad_photos_are_left_out_with_their_labels(pictures, tmp_path):
    folder = tmp_path / "mixed"
    for name in ("a", "b"):
        shutil.copytree(pictures, folder / name)
    (folder / "a" / "05x.png").write_bytes(b"no picture")
    photos = decode(Corpus.open(folder), (16, 16), tmp_path / "spill.npy", wanted=True)
    assert len(photos) == 24
    assert photos.left_out[0].startswith("a/05x.png: not a photo")
    assert photos.classes == ("a", "b")
    assert photos.labels.argmax(1).tolist() == [0] * 12 + [1] * 12
    plain = decode(Corpus.open(folder), (16, 16), tmp_path / "spill.npy")
    assert (plain.labels, plain.classes) == (None, ())
    assert plain.sha256 != photos.sha256  # labels decide a run, too


def test_a_zip_is_as_good_as_a_folder(pictures, tmp_path):
    archive = zipped(pictures, tmp_path / "photos.zip")
    corpus = corpus_at(archive)
    assert {entry.domain for entry in corpus} == {"photos"}
    packed = decode(corpus, (16, 16), tmp_path / "spill.npy")
    loose = decode(corpus_at(pictures), (16, 16), tmp_path / "spill.npy")
    assert np.array_equal(packed.pixels, loose.pixels)
    assert packed.sha256 == loose.sha256
    assert os.listdir(tmp_path) == ["photos.zip"]  # nothing is unpacked


def test_a_zipped_corpus_keeps_its_manifest(pictures, tmp_path):
    folder = tmp_path / "corpus"
    shutil.copytree(pictures, folder)
    (folder / "manifest.csv").write_text("path,label,class\n00.png,real,cat\n01.png,fake,cat\n02.png,real,dog\n")
    corpus = corpus_at(zipped(folder, tmp_path / "corpus.zip"))
    photos = decode(corpus, (16, 16), tmp_path / "spill.npy", wanted=True)
    assert (len(photos), photos.classes) == (2, ("cat", "dog"))  # fakes teach nobody
    (folder / "manifest.csv").write_text("path,label\n../00.png,real\n")
    with pytest.raises(Refusal, match="inside the corpus"):
        corpus_at(zipped(folder, tmp_path / "escape.zip"))


def test_damaged_zips_are_refused_or_their_photos_left_out(pictures, tmp_path):
    archive = zipped(pictures, tmp_path / "photos.zip")
    data = bytearray(archive.read_bytes())
    data[60:90] = bytes(30)  # inside the first photo: its checksum fails
    archive.write_bytes(data)
    photos = decode(corpus_at(archive), (16, 16), tmp_path / "spill.npy")
    assert len(photos) == 11
    assert "cannot be unpacked" in photos.left_out[0]
    archive.write_bytes(data[: len(data) // 2])
    with pytest.raises(Refusal, match="neither a folder nor a zip"):
        corpus_at(archive)
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as file:
        file.writestr("notes.txt", "no photos")
    with pytest.raises(Refusal, match="no pictures"):
        corpus_at(tmp_path / "text.zip")


def test_a_zip_cannot_ask_for_more_memory_than_a_photo_may(pictures, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.write(pictures / "00.png", "00.png")
        file.writestr("01.png", bytes(3_000_000))
    monkeypatch.setattr("generators.source.MAX_BYTES", 2**20)
    photos = decode(corpus_at(tmp_path / "bomb.zip"), (16, 16), tmp_path / "spill.npy")
    assert len(photos) == 1
    assert "over 1 MiB" in photos.left_out[0]
    monkeypatch.setattr("generators.source.MOST_FILES", 1)
    with pytest.raises(Refusal, match="holds 2 files; at most 1"):
        corpus_at(tmp_path / "bomb.zip")


@pytest.fixture
def sheet(tmp_path) -> Path:
    """One picture, half of it opaque red, half of it hidden green."""
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[:, :4] = (200, 0, 0, 255)
    pixels[:, 4:] = (0, 255, 0, 0)
    (tmp_path / "sheet").mkdir()
    Image.fromarray(pixels).save(tmp_path / "sheet" / "a.png")
    return tmp_path / "sheet"


def pixels_of(folder: Path, channels: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return decode(Corpus.open(folder), size, folder / "spill.npy", channels=channels).pixels[0]


def test_one_to_four_channels(sheet):
    luma = round(0.299 * 200)
    assert [pixels_of(sheet, channels).shape for channels in (1, 2, 3, 4)] == [(8, 8, c) for c in (1, 2, 3, 4)]
    assert pixels_of(sheet, 4)[0].tolist() == [[200, 0, 0, 255]] * 4 + [[0, 255, 0, 0]] * 4
    assert pixels_of(sheet, 3)[0].tolist() == [[200, 0, 0]] * 4 + [[255, 255, 255]] * 4  # on white
    assert pixels_of(sheet, 2)[0, :4].tolist() == [[luma, 255]] * 4
    assert pixels_of(sheet, 2)[0, 4:, 1].tolist() == [0] * 4
    assert pixels_of(sheet, 1)[0, :4, 0].tolist() == [luma] * 4


def test_hidden_colours_do_not_bleed_where_a_picture_shrinks(sheet):
    small = pixels_of(sheet, 4, (3, 3))
    assert small[0, 1, 3] == pytest.approx(127.5, abs=1)  # the middle column is half hidden
    assert small[0, 1, :3].tolist() == [200, 0, 0]


def test_photos_without_alpha_are_opaque_and_grey_stays_exact(tmp_path, rng):
    grey = rng.integers(0, 256, (16, 16), np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(pixels_of(tmp_path, 1, (16, 16))[..., 0], grey)
    assert np.array_equal(pixels_of(tmp_path, 3, (16, 16)), np.dstack([grey] * 3))
    assert (pixels_of(tmp_path, 4, (16, 16))[..., 3] == 255).all()
    assert (pixels_of(tmp_path, 2, (16, 16))[..., 1] == 255).all()


def test_sizes_are_height_by_width(tmp_path):
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = 90  # the middle 10 columns
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (pixels_of(tmp_path, 3, (10, 10)) == 90).all()
    assert pixels_of(tmp_path, 3, (8, 32)).shape == (8, 32, 3)
    assert (pixels_of(tmp_path, 3, (20, 10)) == 90).all()


def test_no_real_photo_is_refused(pictures, tmp_path):
    with pytest.raises(Refusal, match="holds no real photos"):
        decode(Corpus.open(pictures, "fake"), (16, 16), tmp_path / "spill.npy")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(Refusal, match="none of 1 photos can be read"):
        decode(Corpus.open(tmp_path), (16, 16), tmp_path / "spill.npy")
