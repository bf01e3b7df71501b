"""The detection benchmark measures what it says, on photos that both classes' handling made alike."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks.detection.asked import Task, examine, laundered
from benchmarks.detection.beside import PHOTO, VERDICT, Held
from benchmarks.detection.measure import Setup, Shot, gather, measure, recorded_corpora
from benchmarks.launder import LAUNDERINGS
from benchmarks.table import Result
from detectors.provenance.declarations import Declarations
from forensics.corpus import Corpus, split_of
from forensics.evidence import Evidence
from forensics.inspection import inspect
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.verdict import Conclusion
from generators.declare import FORMATS, declared
from tests.benchmarks.standins import Alone, pictures

N = 12  # photos a folder


@pytest.fixture
def setup(tmp_path, rng) -> Setup:
    web, dark, forged = (
        pictures(tmp_path / name, mean, rng, N) for name, mean in (("web", 90), ("dark", 20), ("forged", 200))
    )
    return Setup((web, dark), (("mygen", forged),), launder="native", split="all", rounds=50)


@pytest.fixture
def alone(monkeypatch):
    monkeypatch.setattr("benchmarks.detection.measure.Crew", Alone)


def asked(launder: str, seed: int, examiners, shot: Shot) -> dict:
    """All that is kept of a photo of which nothing is known yet."""
    names = (PHOTO, VERDICT, *(detector.name for detector in examiners[0]))
    return examine(launder, seed, Held(*examiners), Task(shot, names))


def test_measures_what_is_there(panel, setup, tmp_path):
    result = measure(setup, panel.load, tmp_path / "cache")
    brightness, verdict = result.table("detectors").rows
    assert brightness[:2] == ("brightness", "panel")  # the mute one has no row
    assert verdict[:2] == ("verdict", "whole panel")
    assert brightness[2].value == brightness[3].value == 1.0  # every fake is brighter than every real
    assert brightness[4].value == 0.0
    assert brightness[2].n == 3 * N
    who = result.table("who").rows[0]
    assert who[3] == "a" * 12
    assert who[4].value == who[5].value == 1.0
    thresholds = {row[0]: row[1:] for row in result.table("thresholds").rows}
    assert thresholds["brightness"][1] == -0.5  # where its line, 0.1 s + 0.05, says LR 1
    assert thresholds["verdict"][1] == 0.0
    assert thresholds["brightness"][2] == thresholds["verdict"][2]  # of one detector, the verdict is that detector
    assert thresholds["brightness"][2].value == 1.0
    assert thresholds["brightness"][3].value == thresholds["brightness"][4].value == 1.0
    assert result.table("thresholds").notes == ("Of 24 real photos, 1 % and 0.1 % are none.",)
    assert [row[0] for row in result.table("makers").rows] == ["brightness", "verdict"]
    assert not {"absent"} & {table.name for table in result.tables}
    assert set(result.figures) == {"curves"}
    domains = {row[0]: row for row in result.table("reals").rows}
    assert set(domains) == {"web", "dark", "all"}
    assert domains["all"][1].n == 2 * N
    assert domains["all"][3].value == 1.0  # all too small and faceless: nothing may be concluded
    assert {row[0] for row in result.table("fakes").rows} == {"mygen", "all"}
    values = {row[0]: row[1] for row in result.table("verdict").rows}
    assert 0 < values["Cllr"].value < 1
    assert values["inconclusive"].value == 1.0
    assert set(result.stamp.corpora) == {str(p) for p in (*setup.real, setup.fake[0][1])}
    assert result.stamp.weights["brightness"] == "a" * 64
    assert Result.load(result.save(tmp_path / "out")).table("reals") == result.table("reals")


def test_shuffled_labels_are_chance(alone, panel, tmp_path, rng):
    real = pictures(tmp_path / "a", 100, rng, 40)
    fake = pictures(tmp_path / "b", 100, rng, 40)
    setup = Setup((real,), ((None, fake),), "native", "all", rounds=50)
    value = measure(setup, panel.load, tmp_path / "cache").table("detectors").rows[0][2]
    assert value.low < 0.5 < value.high


def test_scored_photos_are_not_scored_again(alone, panel, setup, tmp_path):
    seen = []
    few = replace(setup, limit=4)
    measure(few, panel.load, tmp_path, watch=lambda done, total: seen.append(done))
    assert seen == list(range(13))
    path = tmp_path / "scores-native-0.jsonl"
    lines = path.read_text()
    path.write_text(lines[:-9])  # as a power cut leaves it
    seen.clear()
    again = measure(setup, panel.load, tmp_path, watch=lambda done, total: seen.append(done))
    assert seen[0] == 11  # all whole lines were kept
    assert len(path.read_text().splitlines()) == 3 * N + 1  # what was cut off, too
    fresh = measure(setup, panel.load, tmp_path / "fresh")
    assert again.tables == fresh.tables
    seen.clear()
    measure(setup, partial(panel.load, "b" * 64), tmp_path, watch=lambda done, total: seen.append(done))
    assert seen[0] == 0  # another panel, other scores
    seen.clear()
    measure(setup, panel.load, tmp_path, watch=lambda done, total: seen.append(done))
    assert seen == [3 * N]  # and the first one's are still there


def test_grey_photos_have_their_own_rows_and_no_other(alone, panel, setup, tmp_path, monkeypatch):
    seen, original = [], importlib.import_module("benchmarks.detection.asked").inspect
    plain = measure(setup, panel.load, tmp_path / "cache")
    result = measure(
        replace(setup, grey=4), panel.load, tmp_path / "cache", watch=lambda done, total: seen.append((done, total))
    )
    assert seen[0] == (3 * N, 3 * N + 8)  # four of each domain are new, nothing else
    path = tmp_path / "cache" / "scores-native-0.jsonl"
    assert sum("-grey" in line for line in path.read_text().splitlines()) == 8
    grey = {row[0]: row for row in result.table("subsets").rows}["all, grey"]
    assert grey[1].n == 8
    for one, other in zip(plain.tables, result.tables, strict=True):
        assert one.rows == other.rows or one.name == "subsets"
    assert result.stamp.corpora == plain.stamp.corpora

    def spy(photo, *rest):
        assert (photo.pixels == photo.pixels[..., :1]).all()
        return original(photo, *rest)

    monkeypatch.setattr("benchmarks.detection.asked.inspect", spy)
    for launder in LAUNDERINGS:
        row = asked(launder.name, 0, panel.load(), Shot(setup.real[0] / "01.png", "", False, "web", grey=True))
        assert row[PHOTO]["side_px"] > 0
    with pytest.raises(AssertionError):
        asked("native", 0, panel.load(), Shot(setup.real[0] / "01.png", "", False, "web"))


def test_grey_photos_are_drawn_by_hash_whatever_their_order(setup):
    both = replace(setup, grey=5)
    drawn = [{s.key for s in gather(s)[0] if s.grey} for s in (both, replace(both, real=setup.real[::-1]))]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 10


def test_every_laundering_has_its_own_scores(alone, panel, setup, tmp_path):
    for launder in ("match", "shrink"):
        few = replace(setup, launder=launder, limit=3, rounds=2)
        result = measure(few, panel.load, tmp_path)
        assert result.stamp.settings["launder"] == launder
        assert f"laundering: {launder} (" in result.table("detectors").notes[0]
        assert (tmp_path / f"scores-{launder}-0.jsonl").exists()
    measure(replace(few, seed=1), panel.load, tmp_path)
    assert len(list(tmp_path.glob("scores-*"))) == 3


def test_a_face_s_size_and_tone_are_kept(panel, portrait_file):
    row = asked("shrink", 0, panel.load(), Shot(portrait_file, "", False, "portraits"))[PHOTO]
    assert row["side_px"] == 224  # of 512
    assert row["face_px"] == pytest.approx(row["face_before_px"] * 224 / 512, abs=3)
    assert row["ita_degrees"] > 10  # Grace Hopper, in daylight
    grey = asked("shrink", 0, panel.load(), Shot(portrait_file, "", False, "portraits", grey=True))[PHOTO]
    assert grey["ita_degrees"] == row["ita_degrees"]  # of the photo as it came


def test_laundering_depends_on_the_photo_alone(panel, setup, tmp_path):
    path = setup.real[0] / "03.png"
    photo = Photo.open(path)
    once = laundered(photo, "repost", 1)
    assert np.array_equal(once, laundered(Photo.open(path.read_bytes()), "repost", 1))
    assert not any(np.array_equal(laundered(photo, "repost", seed), photo.pixels) for seed in range(5)), (
        "reposting changed nothing"
    )
    for each in LAUNDERINGS:
        as_real = asked(each.name, 1, panel.load(), Shot(path, photo.sha256, False, "web"))
        as_fake = asked(each.name, 1, panel.load(), Shot(path, photo.sha256, True, "x"))
        assert as_real == as_fake


class Reader:
    """Says whatever a file says of itself."""

    name = "reader"
    question = "What is written in the file?"
    scores = True
    weights = None

    def examine(self, photo: Photo) -> Evidence:
        told = [photo.name, photo.format, photo.mode, *photo.notes, *photo.text, *photo.exif, photo.xmp.decode()]
        return Evidence(self.name, float(photo.xmp != b""), "|".join(told))


@pytest.mark.parametrize("launder", ["native", "repost"])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_declaration_decides_nothing(panel, tmp_path, monkeypatch, rng, kind, launder):
    """Forged pictures say what they are; the panel must be shown pixels alone, whatever the file."""
    pixels = rng.integers(0, 256, (16, 16, 3), np.uint8)
    path = tmp_path / f"forged by mygen.{kind}"
    path.write_bytes(declared(pixels, "mygen 1.0", kind))
    seen, calibration = [], panel.load()[1]
    examiners = (Declarations(), Reader()), calibration
    frankly = inspect(Photo.open(path), *examiners).verdict
    assert frankly.conclusion == Conclusion.DECLARED  # so this test could fail

    def spy(photo, *rest):
        report = inspect(photo, *rest)
        seen.extend(w.evidence.finding for w in report.verdict.weighed if w.evidence.detector == "reader")
        return report

    monkeypatch.setattr("benchmarks.detection.asked.inspect", spy)
    said = asked(launder, 0, examiners, Shot(path, "", True, "mygen"))
    assert said[VERDICT]["conclusion"] != str(Conclusion.DECLARED)
    assert said["reader"]["score"] == 0
    assert seen == ["photo|PNG|RGB|"]


def test_only_the_test_split_and_no_file_twice(setup, tmp_path):
    shots, _ = gather(replace(setup, split="all"))
    assert len(shots) == 3 * N
    (setup.real[1] / "copy of a fake.png").write_bytes((setup.fake[0][1] / "00.png").read_bytes())
    (setup.real[1] / "copy.png").write_bytes((setup.real[0] / "00.png").read_bytes())
    shots, notes = gather(replace(setup, split="all"))
    assert len(shots) == 3 * N - 1  # neither the real nor the fake one counts, the copy counts once
    assert any("1 files are in both classes" in note for note in notes)
    tested = {shot.path.name for shot in gather(replace(setup, split="test"))[0]}
    assert tested
    assert all(split_of(name) == "test" for name in tested)


def test_manifests_decide_label_maker_and_split(setup, tmp_path):
    corpus = Corpus.open(setup.fake[0][1], "fake")
    Corpus(corpus.root, tuple(replace(e, maker="dcgan", split="test") for e in corpus)).save()
    shots, _ = gather(replace(setup, split="test", fake=((None, corpus.root),)))
    assert {shot.source for shot in shots if shot.fake} == {"dcgan"}
    with pytest.raises(Refusal, match="both classes are needed"):
        gather(replace(setup, real=(corpus.root,), fake=((None, corpus.root),)))


def test_recorded_corpora(setup, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights, run = tmp_path / "weights", tmp_path / "runs" / "detector"
    found = (setup.real, ((None, setup.fake[0][1]),))
    with pytest.raises(Refusal, match="--real FOLDER"):
        recorded_corpora(weights)
    for folder in (weights, run):
        folder.mkdir(parents=True)
    config = {"real": [str(p) for p in setup.real], "fake": [str(setup.fake[0][1])], "steps": 3}
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(Refusal, match="--real FOLDER"):
        recorded_corpora(weights)  # no weights are nobody's weights
    for folder in (weights, run):
        (folder / "classifier.safetensors").write_bytes(b"the same")
        (folder / "spectrum.safetensors").write_bytes(b"the same")
    assert recorded_corpora(weights) == found
    (run / "spectrum.safetensors").write_bytes(b"trained again")
    with pytest.raises(Refusal, match=r"weights.*--real FOLDER"):
        recorded_corpora(weights)
    (run / "spectrum.safetensors").write_bytes(b"the same")
    assert recorded_corpora(weights) == found
    (weights / "dct.safetensors").write_bytes(b"of somebody else")  # any trained cue tells the runs apart
    with pytest.raises(Refusal, match=r"weights.*--real FOLDER"):
        recorded_corpora(weights)
    assert recorded_corpora(run) == found
    (run / "config.json").rename(weights / "config.json")
    assert recorded_corpora(weights) == found


def test_refusals(panel, setup, tmp_path):
    with pytest.raises(Refusal, match="native, repost, match, shrink"):
        measure(replace(setup, launder="wash"), panel.load, tmp_path)
    with pytest.raises(Refusal, match="no such folder"):
        measure(replace(setup, real=(tmp_path / "none",)), panel.load, tmp_path)
