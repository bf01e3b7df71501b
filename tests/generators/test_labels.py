"""Labels are found where they are told, are complete, and are never silently used or ignored."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.corpus import Corpus, Entry
from forensics.refusal import Refusal
from generators.cropping import Cut
from generators.journal import Origin
from generators.labels import class_folders, kind_of, labels_of, read_kind
from generators.prepare import prepare
from generators.source import corpus_at


def folder_of(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(root / name, "PNG")
    return root


def told(root: Path, labels: object, **more: object) -> Corpus:
    (root / "dataset.json").write_text(json.dumps({"labels": labels, **more}))
    return Corpus.open(root)


def test_whole_numbers_become_one_hot_rows_of_as_many_columns_as_the_largest_needs(tmp_path):
    corpus = told(folder_of(tmp_path, "a.png", "b.png", "c.png"), [["c.png", 3], ["a.png", 0], ["b.png", 3]])
    rows, names = labels_of(corpus, True)
    assert rows.dtype == np.float32
    assert rows.tolist() == [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]]
    assert names == ("0", "1", "2", "3")


def test_lists_pass_through(tmp_path):
    corpus = told(folder_of(tmp_path, "a.png", "b.png"), [["b.png", [1, 0.25]], ["a.png", [0.5, -2]]])
    rows, names = labels_of(corpus, True)
    assert rows.tolist() == [[0.5, -2], [1, 0.25]]
    assert len(names) == 2


def test_class_folders(tmp_path):
    corpus = Corpus.open(folder_of(tmp_path, "in/dogs/a.png", "in/dogs/sub/b.png", "in/cats/c.png"))
    rows, names = labels_of(corpus, True)
    assert names == ("cats", "dogs")
    assert [names[column] for column in rows.argmax(1)] == [entry.path.split("/")[1] for entry in corpus]


def test_numbered_folders_are_in_the_order_of_their_numbers(tmp_path):
    corpus = Corpus.open(folder_of(tmp_path, "10/a.png", "9/b.png", "2/c.png"))
    assert labels_of(corpus, True)[1] == ("2", "9", "10")


@pytest.mark.parametrize(
    "paths",
    [
        ["a.png", "b.png"],
        ["one/a.png", "one/b.png"],
        ["one/a.png", "b.png"],
        ["00000/img00000000.png", "00001/img00001000.png"],  # shares of one collection
        ["00000/img00000000.png", "00001/img00001000.png", "cover.png"],
        [],
    ],
)
def test_other_folders_are_no_classes(paths):
    assert class_folders(paths) == {}


@pytest.mark.parametrize("stray", ["top.png", "cls/top.png"])
def test_a_stray_photo_does_not_hide_the_labels_of_the_others(tmp_path, stray):
    corpus = Corpus.open(folder_of(tmp_path, "cls/a/1.png", "cls/a/sub/2.png", "cls/b/3.png", stray))
    for wanted, says in (
        (None, rf"has labels \(sub-folders\), but 1 of 4 photos have none, the first {stray}; .*--no-c"),
        (True, rf"--cond: 1 of 4 photos .* no label in its sub-folders; the first: {stray}; .*--no-c"),
    ):
        with pytest.raises(Refusal, match=says):
            labels_of(corpus, wanted)
    assert labels_of(corpus, False) == (None, ())


def test_a_prepared_corpus_keeps_what_labels_there_are(tmp_path):
    """Nobody was asked for labels yet; training is, and names the photo that has none."""
    source = folder_of(tmp_path / "source", "a/1.png", "b/2.png", "top.png")
    corpus = prepare(source, tmp_path / "corpus", Cut(16), Origin("real", "camera")).corpus
    assert {entry.path: entry.kind for entry in corpus} == {
        "source/a/1.png": "a",
        "source/b/2.png": "b",
        "source/top.png": "",
    }
    with pytest.raises(Refusal, match=r"has labels \(class column.*the first source/top\.png"):
        labels_of(corpus, None)


def test_the_manifest_tells(tmp_path):
    folder_of(tmp_path, "x/a.png", "y/b.png")
    Corpus(tmp_path, (Entry("x/a.png", "real", "camera", kind="dog"), Entry("y/b.png", "real", "camera"))).save()
    assert "class" in (tmp_path / "manifest.csv").read_text().splitlines()[0].split(",")
    with pytest.raises(Refusal, match=r"1 of 2 photos.*have no label in its class column.*y/b\.png"):
        labels_of(Corpus.open(tmp_path), True)
    Corpus(tmp_path, (Entry("x/a.png", "real", "camera", kind="dog"),)).save()
    assert labels_of(Corpus.open(tmp_path), True)[1] == ("dog",)
    Corpus(tmp_path, (Entry("x/a.png", "real", "camera"), Entry("y/b.png", "real", "camera"))).save()
    with pytest.raises(Refusal, match="has no labels"):  # a prepared corpus has a folder a source, not a class
        labels_of(Corpus.open(tmp_path), True)


def test_dataset_json_goes_before_folders_and_works_in_a_zip(tmp_path):
    root = folder_of(tmp_path / "photos", "x/a.png", "y/b.png")
    told(root, {"x/a.png": 1, "y/b.png": 0}, classes=["cat", "dog"])
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for name in ("dataset.json", "x/a.png", "y/b.png"):
            file.write(root / name, name)
    for place in (root, tmp_path / "photos.zip"):
        rows, names = labels_of(corpus_at(place), True)
        assert names == ("cat", "dog")
        assert rows.argmax(1).tolist() == [1, 0]


def test_nobody_uses_or_ignores_labels_silently(tmp_path):
    plain = Corpus.open(folder_of(tmp_path / "plain", "a.png"))
    for none in (plain, told(folder_of(tmp_path / "null", "a.png"), None)):
        assert labels_of(none, None) == (None, ())
        assert labels_of(none, False) == (None, ())
        with pytest.raises(Refusal, match=r"--cond: .* has no labels; give dataset\.json"):
            labels_of(none, True)
    for some in (
        Corpus.open(folder_of(tmp_path / "folders", "a/a.png", "b/b.png")),
        told(folder_of(tmp_path / "some", "a.png"), [["a.png", 0]]),
    ):
        assert labels_of(some, False) == (None, ())
        with pytest.raises(Refusal, match=r"say --cond .* or --no-cond"):
            labels_of(some, None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("no json", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ('{"labels": 3}', "must be a list"),
        ('{"labels": [["a.png"]]}', r"is no \[file name, label\]"),
        ('{"labels": [[1, 2]]}', r"is no \[file name, label\]"),
        ('{"labels": [["a.png", true]]}', "is true; it must be"),
        ('{"labels": [["a.png", -1]]}', "is -1; it must be"),
        ('{"labels": [["a.png", 1.5]]}', "is 1.5; it must be"),
        ('{"labels": [["a.png", 99999999999]]}', "0 to 65535"),
        ('{"labels": [["a.png", [1, NaN]]]}', "list of numbers"),
        ('{"labels": [["a.png", []]]}', "list of numbers"),
        ('{"labels": [["a.png", 1], ["b.png", [1]]]}', "of one sort"),
        ('{"labels": [["a.png", [1, 2]], ["b.png", [1]]]}', "lists of 1 to 2 numbers"),
        ('{"labels": [["a.png", 1]]}', r"1 of 2 photos.*the first: b\.png"),
    ],
)
def test_broken_labels_are_refused_in_one_line(tmp_path, text, says):
    folder_of(tmp_path, "a.png", "b.png")
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(Refusal, match=says) as refusal:
        labels_of(Corpus.open(tmp_path), True)
    assert len(str(refusal.value).splitlines()) == 1
    assert len(str(refusal.value)) < 500


def test_labels_survive_the_manifest():
    for label in ("cat", "7", (0.5, -2.0)):
        assert read_kind(kind_of(label)) == label
    assert read_kind("[not a list") == "[not a list"
