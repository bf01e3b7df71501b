"""Cuts of faces are made once, kept, made again where a photo changed, and show what the detector sees."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from detectors.classifier import cuts as cuts_module
from detectors.classifier.cuts import cut_face, make_cuts
from detectors.classifier.network import NetworkConfig
from forensics.corpus import Corpus, Entry
from forensics.photo import Photo
from forensics.refusal import Refusal


def test_cuts_are_found_once_and_kept(tmp_path, portrait_file, monkeypatch):
    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    entries = []
    for number in range(3):
        pixels = np.ascontiguousarray(photo.pixels[number * 7 :]) if number < 2 else np.zeros((90, 90, 3), np.uint8)
        (tmp_path / "c" / f"{number}.png").write_bytes(Photo.from_pixels(pixels).data)
        entries.append(Entry(f"{number}.png", "real", "camera", "portraits", f"g{number}", "train"))
    corpus = Corpus(tmp_path / "c", tuple(entries))
    config = NetworkConfig()
    first = make_cuts([corpus], tmp_path / "cuts", config)
    assert len(first) == 2
    assert first.missed == {"no face found": 1}
    with open(tmp_path / "cuts" / "cuts.bin", "ab") as file:
        file.write(b"the end of an interrupted picture")
    with open(tmp_path / "cuts" / "cuts.jsonl", "a") as file:
        file.write('{"photo": "cut o')
    calls = []
    monkeypatch.setattr("detectors.classifier.cuts.cut_face", lambda *args: calls.append(args) or "no face found")
    second = make_cuts([corpus], tmp_path / "cuts", config)
    assert not calls
    assert [asdict(row) for row in second.rows] == [asdict(row) for row in first.rows]
    for row in second.rows:
        assert np.array_equal(second.pixels(row), first.pixels(row))
    with pytest.raises(Refusal, match="another --out"):
        make_cuts([corpus], tmp_path / "cuts", replace(config, scale=1.0))


def test_replaced_photos_are_cut_again_and_labels_are_today_s(tmp_path, portrait_file, monkeypatch):
    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    for number in range(2):
        pixels = np.ascontiguousarray(photo.pixels[number * 7 :])
        (tmp_path / "c" / f"{number}.png").write_bytes(Photo.from_pixels(pixels).data)
    corpus = Corpus(tmp_path / "c", tuple(Entry(f"{i}.png", "real", "camera", split="train") for i in range(2)))
    first = make_cuts([corpus], tmp_path / "cuts", NetworkConfig())
    kept = [first.pixels(row).copy() for row in first.rows]
    brighter = np.ascontiguousarray(255 - (255 - photo.pixels) // 2)
    (tmp_path / "c" / "0.png").write_bytes(Photo.from_pixels(brighter).data)
    calls = []
    monkeypatch.setattr(cuts_module, "cut_face", lambda *args: calls.append(args[1].path) or cut_face(*args))
    relabelled = Corpus(corpus.root, tuple(replace(e, label="fake", maker="gan") for e in corpus))
    second = make_cuts([relabelled], tmp_path / "cuts", NetworkConfig())
    assert calls == ["0.png"]
    assert [(row.label, row.maker) for row in second.rows] == [("fake", "gan")] * 2
    assert second.pixels(second.rows[0]).mean() > kept[0].mean() + 20
    assert np.array_equal(second.pixels(second.rows[1]), kept[1])
    make_cuts([corpus], tmp_path / "cuts", NetworkConfig())
    assert calls == ["0.png"]  # and only once


def test_a_cut_shows_what_the_detector_sees(tmp_path, portrait_file):
    """The square of a cut, taken from the cut, is the square taken from the photo."""
    from forensics.face import cut, largest_face

    photo = Photo.open(portrait_file)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "p.png").write_bytes(Photo.from_pixels(photo.pixels).data)
    corpus = Corpus(tmp_path / "c", (Entry("p.png", "real", "camera", split="train"),))
    config = NetworkConfig()
    cuts = make_cuts([corpus], tmp_path / "cuts", config)
    (row,) = cuts.rows
    seen = cut(photo.pixels, largest_face(photo).frame(config.scale), config.size)
    kept = cut(cuts.pixels(row), np.array(row.corners, np.float32), config.size)
    shifted = np.roll(seen, 2, (0, 1))
    difference = np.abs(seen.astype(int) - kept).mean()
    assert difference < 2.5  # shrunk in one step or in two
    assert difference < 0.4 * np.abs(shifted.astype(int) - kept).mean()
