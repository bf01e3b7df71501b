"""The zip layout of StyleGAN2-ADA's data sets: what others wrote is read, and what we write is theirs."""

from __future__ import annotations

import csv
import hashlib
import json
from itertools import islice
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from forensics.refusal import Refusal
from generators.cropping import Cut
from generators.dataset_zip import order, prepare_zip, subset
from generators.journal import Origin
from generators.photos import decode
from generators.source import corpus_at


@pytest.fixture(scope="module")
def parity(shared) -> Path:
    folder = shared / "parity"
    if not (folder / "dataset.npz").exists():
        pytest.skip(f"published numbers not found at {folder}: this check did NOT run")
    return folder


@pytest.mark.parametrize(
    ("theirs", "cut"),
    [
        ("dataset_tool_center-crop.zip", Cut(16)),
        ("dataset_tool_center-crop-wide.zip", Cut((8, 16), crop="wide")),
    ],
)
def test_equals_the_published_tool_byte_for_byte(parity, tmp_path, theirs, cut):
    prepare_zip(parity / "dataset_source.zip", tmp_path / "ours.zip", cut, Origin())
    with ZipFile(parity / theirs) as expected, ZipFile(tmp_path / "ours.zip") as got:
        assert got.namelist() == expected.namelist()
        assert json.loads(got.read("dataset.json")) == json.loads(expected.read("dataset.json"))
        assert not any(info.compress_type for info in got.infolist())
        (jpeg,) = [n for n, row in rows_by_name(tmp_path / "ours.manifest.csv").items() if ".jpg" in row["source"]]
        for name in got.namelist()[:-1]:
            if name != jpeg:
                assert got.read(name) == expected.read(name), name
            else:  # another decoder may differ by a few levels
                one, other = (np.array(Image.open(file.open(name)), np.int16) for file in (got, expected))
                assert np.abs(one - other).max() <= 4


def rows_by_name(manifest: Path) -> dict[str, dict[str, str]]:
    with open(manifest, newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def test_equals_the_published_loader(parity, tmp_path):
    arrays = np.load(parity / "dataset.npz", allow_pickle=False)
    crop, wide = parity / "dataset_tool_center-crop.zip", parity / "dataset_tool_center-crop-wide.zip"
    found = decode(corpus_at(crop), (16, 16), tmp_path / "spill.npy", wanted=True)
    images = found.pixels.transpose(0, 3, 1, 2)  # (N, C, H, W)
    assert np.array_equal(images, arrays["plain/images"])
    assert np.array_equal(np.concatenate([images, images[..., ::-1]]), arrays["labels_xflip/images"])
    assert np.array_equal(np.concatenate([found.labels] * 2), arrays["labels_xflip/labels"])
    assert found.labels.dtype == arrays["labels_xflip/labels"].dtype
    few = subset(7, 4, 3)
    assert np.array_equal(np.concatenate([images[few], images[few][..., ::-1]]), arrays["max4_seed3/images"])
    assert np.array_equal(found.labels[np.concatenate([few, few])], arrays["max4_seed3/labels"])
    on_black = decode(corpus_at(wide), (16, 16), tmp_path / "spill.npy", wanted=True)
    assert np.array_equal(on_black.pixels.transpose(0, 3, 1, 2), arrays["wide/images"])
    assert np.array_equal(on_black.labels, arrays["wide/labels"])


def test_equals_the_published_loader_for_grey_pictures_with_lists(parity, tmp_path):
    arrays = np.load(parity / "dataset.npz", allow_pickle=False)
    with ZipFile(parity / "dataset_float_gray.zip") as file:
        file.extractall(tmp_path / "grey")
    for place in (tmp_path / "grey", parity / "dataset_float_gray.zip"):
        found = decode(corpus_at(place), (8, 8), tmp_path / "spill.npy", channels=1, wanted=True)
        assert np.array_equal(found.pixels.transpose(0, 3, 1, 2), arrays["float_labels_gray_dir/images"])
        assert np.array_equal(found.labels, arrays["float_labels_gray_dir/labels"])


def test_equals_the_published_order(parity):
    told = json.loads((parity / "dataset.json").read_text())
    alone, second = (told[f"infinite_sampler_n10_seed7_rank{who}_window0.5"] for who in ("0of1", "1of2"))
    assert list(islice(order(10, 7), 40)) == alone
    assert list(islice(order(10, 7, 1, 2), 20)) == second


def test_the_order_is_fair_and_drifts():
    shown = list(islice(order(20, 1), 2000))
    assert set(np.bincount(shown)) <= set(range(90, 111))
    assert shown[:20] != shown[20:40]
    together = [list(islice(order(20, 1, rank, 4), 500)) for rank in range(4)]
    assert [n for each in zip(*together, strict=True) for n in each] == shown
    still = list(islice(order(6, 1, window=0), 12))
    assert still[:6] == still[6:]


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (value, value, 0)).save(path)


def test_named_classes_survive(tmp_path):
    for value, name in enumerate(("dogs/a.png", "cats/b.png", "dogs/c.png")):
        picture(tmp_path / "pets" / name, value)
    made = prepare_zip(tmp_path / "pets", tmp_path / "pets.zip", Cut(16), Origin())
    assert made.kept == 3
    with ZipFile(tmp_path / "pets.zip") as file:
        told = json.loads(file.read("dataset.json"))
    assert told["classes"] == ["cats", "dogs"]
    assert [label for _, label in told["labels"]] == [0, 1, 1]
    photos = decode(corpus_at(tmp_path / "pets.zip"), (16, 16), tmp_path / "spill.npy", wanted=True)
    assert photos.classes == ("cats", "dogs")
    assert photos.pixels[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert photos.labels.argmax(1).tolist() == [0, 1, 1]


def test_a_zip_is_written_whole_or_not_at_all(pictures, tmp_path):
    class Stop(Exception):
        pass

    def stop_at_five(done: int, total: int) -> None:
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        prepare_zip(pictures, tmp_path / "a.zip", Cut(16), Origin(), progress=stop_at_five)
    assert not (tmp_path / "a.zip").exists()
    seen = []
    prepare_zip(pictures, tmp_path / "a.zip", Cut(16), Origin(), progress=lambda done, total: seen.append(done))
    assert seen[0] == 6  # five were done
    prepare_zip(pictures, tmp_path / "b.zip", Cut(16), Origin())
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    names = {f"{stem}.{end}" for stem in "ab" for end in ("zip", "manifest.csv", "left_out.csv")}
    assert {path.name for path in tmp_path.iterdir()} == names
    rows = rows_by_name(tmp_path / "a.manifest.csv")
    assert rows["00000/img00000003.png"]["source"] == "photos/03.png"
    with ZipFile(tmp_path / "a.zip") as file:
        for name, row in rows.items():
            assert hashlib.sha256(file.read(name)).hexdigest() == row["sha256"]
        assert json.loads(file.read("dataset.json")) == {"labels": None}
    for target, cut, origin, says in (
        ("a.zip", Cut(16), Origin(), "already there"),
        ("c", Cut(16), Origin(), r"must end in \.zip"),
        ("c.zip", Cut(None), Origin(), "not native"),
        ("c.zip", Cut(16), Origin(label="fake"), "--label fake"),
    ):
        with pytest.raises(Refusal, match=says):
            prepare_zip(pictures, tmp_path / target, cut, origin)
