from __future__ import annotations

from dataclasses import replace

import numpy as np

from forensics.corpus import Corpus
from generators.card import card, nearest
from generators.photos import decode
from generators.plan import Plan
from generators.trained import load
from generators.training import train


def test_a_card_tells_weights_corpus_and_terms(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("generators.card.SEEN", 12)
    plain = Corpus.open(pictures)
    entries = tuple(
        replace(entry, source=f"set {number % 3}/{entry.path}", licence=f"terms {number % 3}")
        for number, entry in enumerate(plain)
    )
    corpus = Corpus(pictures, entries)
    train(Plan("dcgan", pictures, kimg=0.008, preset="tiny", batch=4, seed=3), tmp_path / "run", "cpu")
    trained = load(tmp_path / "run")
    photos = decode(corpus, trained.family.size, tmp_path / "photos.npy")
    text = card(trained, tmp_path / "run", corpus, photos)
    assert trained.sha256 in text
    assert photos.sha256 in text
    assert "2 steps of 4, seed 3" in text
    assert "| 4 | set 1 | terms 1 |" in text
    assert "non-commercial" in text
    assert "of the pictures of seeds 0-11, and in" in text
    assert all(len(line) <= 200 for line in text.splitlines())


def test_what_was_learned_by_heart_is_near():
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    copied = photos[3].copy()
    copied[0, 0] ^= 1
    mirrored = photos[5, :, ::-1].copy()
    mirrored[0, 0] ^= 1
    new = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
    near = nearest([copied, mirrored, photos[7], new], photos)
    assert near[:3].max() < 1
    assert near[2] == 0
    assert near[3] > 20
    assert nearest([photos[7]], photos, among=True)[0] > 20  # a photo itself does not count
