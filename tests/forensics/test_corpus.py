"""A corpus is a folder and a manifest; its splits never share a group."""

from __future__ import annotations

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
    ],
)
def test_broken_manifests_are_refused(tmp_path, text, why):
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(Refusal, match=why):
        Corpus.open(tmp_path)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="no such folder"):
        Corpus.open(tmp_path / "none")


def test_likeness_survives_resizing_and_tells_pictures_apart(rng):
    smooth = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8)).resize((128, 128), Image.BICUBIC))
    smaller = np.asarray(Image.fromarray(smooth).resize((64, 64), Image.BOX))
    other = np.asarray(Image.fromarray(rng.integers(0, 255, (6, 6, 3), np.uint8)).resize((128, 128), Image.BICUBIC))
    distance = [(int(likeness(smooth), 16) ^ int(likeness(x), 16)).bit_count() for x in (smaller, other)]
    assert distance[0] <= 4 < distance[1]
