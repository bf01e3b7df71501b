"""A corpus is a folder and a manifest; its splits never share a group."""

from __future__ import annotations

import hashlib
import os
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from forensics.corpus import SHARES, SPLITS, Corpus, Entry, likeness, split_of, with_splits
from forensics.refusal import Refusal


def entries(n: int) -> list[Entry]:
    return [Entry(f"{i}.png", "real", "camera", group=f"person {i // 3}") for i in range(n)]


def test_groups_stay_together_in_the_agreed_shares():
    found = with_splits(entries(6000))
    splits_of_group = {}
    for entry in found:
        splits_of_group.setdefault(entry.group, set()).add(entry.split)
    assert all(len(splits) == 1 for splits in splits_of_group.values())
    count = Counter(entry.split for entry in found)
    for split, share in zip(SPLITS, SHARES, strict=True):
        assert count[split] / 6000 == pytest.approx(share, abs=0.03)
    assert split_of("person 1") == split_of("person 1")


def test_saved_and_opened_is_the_same(tmp_path):
    corpus = Corpus(tmp_path, with_splits(entries(7)))
    corpus.save()
    assert Corpus.open(tmp_path) == corpus
    assert Corpus.open(tmp_path).sha256 == corpus.sha256
    assert len(corpus.where(split="train")) + len(corpus.where(split="calibration")) <= 7


def test_a_plain_folder_is_a_corpus(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b.png", "sub/a.JPG", ".hidden/c.png", "notes.txt"):
        Image.new("RGB", (4, 4)).save(tmp_path / name, "PNG")
    corpus = Corpus.open(tmp_path, "fake")
    assert [e.path for e in corpus] == ["b.png", "sub/a.JPG"]
    assert {e.label for e in corpus} == {"fake"}
    assert all(e.split in SPLITS for e in corpus)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("path,label\na.png,maybe\n", "line 2: label is 'maybe'"),
        ("path,label\n../a.png,real\n", "inside the corpus"),
        ("path,label\n/a.png,real\n", "inside the corpus"),
        ("path,label\n", "no pictures"),
        ("path,label,width\na.png,real,12\nb.png,real,abc\n", "line 3: width is 'abc'"),
        ("path,label,height\na.png,real,-4\n", "line 2: height is '-4'"),
        ("path,label,split\na.png,real,train\n\nb.png,fake,validation\n", "line 4: split is 'validation'; .*test"),
        ("path,label\na.png,real\nb\xe9.png,real\n", "line 3: not UTF-8"),
        ("path,label\na\0.png,real\n", "line 2: a zero byte"),
        ("path,label\n" + "a" * 140_000 + ",real\n", "line 2: no line of a CSV"),
    ],
)
def test_broken_manifests_are_refused(tmp_path, text, why):
    (tmp_path / "manifest.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(Refusal, match=why) as refusal:
        Corpus.open(tmp_path)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_manifest_saved_by_a_spreadsheet_is_read(tmp_path):
    (tmp_path / "manifest.csv").write_bytes("path,label,width,split\r\né.png,real,12,\r\n".encode("utf-8-sig"))
    (entry,) = Corpus.open(tmp_path)
    assert (entry.path, entry.width, entry.split in SPLITS) == ("é.png", 12, True)


def test_the_fingerprint_is_of_the_files(tmp_path, monkeypatch):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"a name that is no text")
    first = Corpus.open(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    piped = Corpus.open(tmp_path)
    (tmp_path / "pipe.png").unlink()
    assert first.sha256 == Corpus.open(tmp_path).sha256
    assert piped.sha256 != first.sha256
    (tmp_path / "b.png").write_bytes(b"another")
    second = Corpus.open(tmp_path)
    assert second.sha256 != first.sha256
    monkeypatch.setattr("forensics.corpus.file_sha256", lambda path: pytest.fail("a file was read again"))
    assert first.sha256  # kept
    Corpus.open(tmp_path)  # a huge folder opens quickly: nothing is read


def test_fingerprints_of_prepared_corpora_stay_as_they_are(tmp_path):
    """Weights and calibrations that ship name their corpora by it."""
    entry = Entry("a.png", "real", "camera", split="test", sha256="ab" * 32)
    row = "a.png\treal\tcamera\ttest\t" + "ab" * 32
    assert Corpus(tmp_path, (entry,)).sha256 == hashlib.sha256(row.encode()).hexdigest()


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no such folder"):
        Corpus.open(tmp_path / "none")


def test_likeness_survives_resizing_and_tells_pictures_apart(rng):
    smooth = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8)).resize((128, 128), Image.BICUBIC))
    smaller = np.asarray(Image.fromarray(smooth).resize((64, 64), Image.BOX))
    other = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8)).resize((128, 128), Image.BICUBIC))
    distance = [(int(likeness(smooth), 16) ^ int(likeness(x), 16)).bit_count() for x in (smaller, other)]
    assert distance[0] <= 4 < distance[1]
