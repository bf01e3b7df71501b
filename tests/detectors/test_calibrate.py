"""Calibration: photos laundered alike, scores kept, verdicts judged by lines that never saw them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detectors import weighing as module
from detectors.calibrate import calibrate
from detectors.examined import Examined, laundered, measure
from detectors.weighing import (
    cross_fitted,
    figures,
    fit_others,
    fit_rows,
    judge,
    threshold,
    with_the_large,
    withheld,
)
from forensics.calibration import Calibration, Domain, Line
from forensics.corpus import Corpus, Entry
from forensics.evidence import Evidence, silent
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.verdict import Conclusion


class Redness:
    """Stands in for a detector: red photos are "fakes"."""

    name, question, scores, weights = "redness", "Is it red?", True, "1" * 64

    def __init__(self) -> None:
        self.asked = 0

    def examine(self, photo: Photo) -> Evidence:
        self.asked += 1
        red, _, blue = photo.pixels.reshape(-1, 3).mean(0)
        return Evidence(self.name, float(red - blue) / 10, "It has a colour.")


class Mute(Redness):
    name, weights = "mute", None

    def examine(self, photo: Photo) -> Evidence:
        return silent(self.name, "It never speaks.")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory, portrait_file) -> list[Corpus]:
    """12 real and 12 "generated" variants of one portrait, and a photo without a face in each."""
    photo = Photo.open(portrait_file).pixels
    rng = np.random.default_rng(0)
    made = []
    for label, maker, tint in (("real", "camera", 0), ("fake", "gan", 40)):
        root = tmp_path_factory.mktemp(label)
        entries = []
        for number in range(13):
            pixels = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(float)
            pixels[..., 0] += tint + rng.normal(0, 25)
            pixels = np.clip(pixels, 0, 255).astype(np.uint8) if number else np.full((64, 64, 3), 200, np.uint8)
            (root / f"{number}.png").write_bytes(Photo.from_pixels(pixels).data)
            entries.append(Entry(f"{number}.png", label, maker, "portraits", f"{label} {number}", "calibration"))
        made.append(Corpus(root, tuple(entries)))
    return made


def test_scores_are_kept_and_photos_without_a_face_are_counted(corpora, tmp_path):
    detector = Redness()
    calibration, rows = calibrate(corpora, [detector, Mute()], tmp_path, rounds=5)
    assert len(rows) == 24
    assert calibration.about["without_a_face"] == {"fake: gan": 1, "real: portraits": 1}
    assert calibration.about["left_out"] == {}
    assert calibration.others is None
    assert calibration.about["photos"] == {"fake: gan": 12, "real: portraits": 12}
    assert (calibration.n_real, calibration.n_fake) == (12, 12)
    assert calibration.lines["redness"].slope > 0
    assert calibration.lines["mute"].n == 0
    assert detector.asked == 26
    again, _ = calibrate(corpora, [detector, Mute()], tmp_path, rounds=5)
    assert detector.asked == 26  # nothing was examined twice
    assert again.lines == calibration.lines
    assert Calibration.load(tmp_path / "calibration.json").lines == calibration.lines


def test_a_replaced_photo_is_examined_again(corpora, tmp_path):
    detector = Redness()
    list(measure(corpora[:1], [detector], "calibration", tmp_path / "scores.csv"))
    asked, entry = detector.asked, corpora[0].entries[-1]
    path = corpora[0].path(entry)
    path.write_bytes(path.read_bytes() + b"more")
    list(measure(corpora[:1], [detector], "calibration", tmp_path / "scores.csv"))
    assert detector.asked == asked + 1


def test_scores_of_other_weights_or_another_seed_are_not_used(corpora, tmp_path):
    detector = Redness()
    first = list(measure(corpora[:1], [detector], "calibration", tmp_path / "scores.csv"))
    detector.weights = "2" * 64
    list(measure(corpora[:1], [detector], "calibration", tmp_path / "scores.csv"))
    assert detector.asked == 26
    other = list(measure(corpora[:1], [detector], "calibration", tmp_path / "scores.csv", seed=1))
    assert detector.asked == 39
    assert [row.scores for row in other] != [row.scores for row in first]
    assert list(measure(corpora[:1], [detector], "test", tmp_path / "scores.csv")) == []


def test_an_interrupted_measurement_goes_on(corpora, tmp_path):
    detector = Redness()
    whole = list(measure(corpora, [detector], "calibration", tmp_path / "whole.csv"))
    part = measure(corpora, [detector], "calibration", tmp_path / "part.csv")
    for _ in range(7):
        next(part)
    part.close()
    with open(tmp_path / "part.csv", "a") as file:
        file.write("cut o")
    asked = detector.asked
    rest = list(measure(corpora, [detector], "calibration", tmp_path / "part.csv"))
    assert rest == whole
    assert detector.asked - asked == 26 - 7


def test_generated_is_said_only_where_few_real_photos_of_each_source_look_so():
    said = Conclusion.GENERATED
    rows = [Examined(str(n), "real", "web" if n < 200 else "studio", str(n), 99, 99, 60, {}) for n in range(250)]
    judged = [(0.2, Conclusion.INCONCLUSIVE)] * 250
    assert threshold(rows, judged) == 1.0
    judged[:3] = [(1.6, said), (1.5, said), (1.3, said)]  # of 200 two are 1 %
    assert threshold(rows, judged) == 1.31
    judged[200] = (1.457, said)  # of 50 one is 2 %
    judged[201] = (3.0, Conclusion.INCONCLUSIVE)  # outside what was validated: nothing was said
    assert threshold(rows, judged) == 1.46
    assert withheld((1.3, said), 1.46) == (1.3, Conclusion.INCONCLUSIVE)
    assert withheld((1.5, said), 1.46) == (1.5, said)
    assert withheld((-1.2, Conclusion.CAMERA), 1.46) == (-1.2, Conclusion.CAMERA)


def test_a_detector_that_tells_nothing_by_itself_weighs_nothing(rng):
    rows = [
        Examined(f"{fake}{n}", ("real", "fake")[fake], "x", f"{fake}{n}", 99, 99, 60,
                 {"tells": rng.normal(2 * fake), "noise": rng.normal(), "lies": rng.normal(-fake)})
        for fake in (0, 1)
        for n in range(60)
    ]  # fmt: skip
    lines = fit_rows(rows, ["lies", "noise", "tells"]).lines
    assert lines["tells"].slope > 0.3
    assert lines["noise"] == lines["lies"] == Line(0.0, 0.0, 120)


def test_photos_without_a_face_have_lines_of_their_own(tmp_path):
    """Where there are 10 of each class; the scores there may mean something else than on faces."""
    rng = np.random.default_rng(0)
    rows = [
        Examined(f"{fake}{n}", ("real", "fake")[fake], "x", f"{fake} {n}", 300, 300, 0, {"redness": s, "b": 0.1 * s})
        for fake in (0, 1)
        for n, s in enumerate(rng.normal(3 * fake, 1, 40))
    ]
    others = fit_others(rows, ["redness", "b", "mute"])
    assert others.domain == Domain(300, None)
    assert others.lines.keys() == {"redness", "b"}
    assert others.n_fake == 40
    assert fit_others(rows[:49], ["redness"]) is None  # 9 fakes
    faces = Calibration({"redness": Line(-1.0, 0.0, 9)}, Domain(100, 50), 99, 99, 1.0, others=others)
    faces.save(tmp_path / "c.json")
    faces = Calibration.load(tmp_path / "c.json")
    assert faces.of(True) is faces
    assert faces.of(False).lines == others.lines
    assert judge(rows[-1], faces)[0] == pytest.approx(others.total(rows[-1].scores))
    low = replace(rows[-1], width=200)
    assert judge(low, faces)[1] == Conclusion.INCONCLUSIVE
    assert replace(faces, others=None).of(False).domain.outside(300, 300, None).startswith("no face")


def test_too_few_faces_are_refused(corpora, tmp_path):
    few = Corpus(corpora[1].root, corpora[1].entries[:4])
    with pytest.raises(Refusal, match="3 of 4 fake calibration photos"):
        calibrate([corpora[0], few], [Redness()], tmp_path)


def test_laundering_depends_on_the_photo_and_not_on_its_class():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    assert np.array_equal(laundered(pixels, "0 abc"), laundered(pixels, "0 abc"))
    widths = np.array([laundered(pixels, f"0 {n}").shape[1] for n in range(300)])
    assert 0.3 < np.mean(widths == 64) < 0.7  # encoded once, or re-posted at the same size
    assert widths.max() == 64
    assert widths.max() <= 3 * 64


def test_the_domain_is_where_ten_photos_of_both_classes_were_seen():
    def rows(label, face):
        return [Examined("", label, "s", "g", 2 * face + n, 900, face + n, {"d": 0.0}) for n in range(20)]

    domain = module.domain_of([*rows("real", 60), *rows("fake", 80)])
    assert (domain.min_side, domain.min_face) == (169, 89)  # the tenth smallest fake


def rows_of(rng: np.random.Generator, shift: float, n: int = 400) -> list[Examined]:
    made = []
    for i in range(n):
        fake = i % 2 == 0
        source = ("gan" if i % 4 else "diffusion") if fake else ("web" if i % 3 else "portraits")
        score = float(rng.normal(0, 1) + shift * fake)
        label = "fake" if fake else "real"
        made.append(Examined(f"{i}.jpg", label, source, f"g{i // 2}", 300, 300, 150, {"d": score}))
    return made


def test_no_photo_is_judged_by_lines_that_saw_its_group(rng, monkeypatch):
    rows = rows_of(rng, 2.0, 60)
    fitted_on: dict[int, set[str]] = {}

    def spy(part, names):
        calibration = fit_rows(part, names)
        fitted_on[id(calibration)] = {row.group for row in part}
        spy.kept.append(calibration)
        return calibration

    spy.kept = []
    seen = []
    monkeypatch.setattr(module, "fit_rows", spy)
    monkeypatch.setattr(module, "judge", lambda row, c: seen.append((row.group, fitted_on[id(c)])) or judge(row, c))
    assert len(cross_fitted(rows, ["d"])) == 60
    assert len(seen) == 60
    assert all(group not in groups for group, groups in seen)
    assert len(spy.kept) == module.FOLDS


def test_figures_say_what_happened(rng):
    good = rows_of(rng, 6.0)
    found = figures(good, cross_fitted(good, ["d"]), 20)
    assert found["auc"][0] > 0.99
    assert found["cllr"] < 0.3
    assert found["n"] == {"real": 200, "fake": 200}
    assert set(found["sources"]) == {"gan", "diffusion", "web", "portraits"}
    assert found["sources"]["portraits"]["label"] == "real"
    useless = rows_of(rng, 0.0)
    found = figures(useless, cross_fitted(useless, ["d"]), 20)
    assert 0.4 < found["auc"][0] < 0.6
    assert found["cllr"] == pytest.approx(1, abs=0.05)
    assert all(its["wrong"][0] == 0 for its in found["sources"].values())
    json.dumps(found)


def test_wrong_means_the_other_class(rng):
    rows = rows_of(rng, 2.0, 40)
    ends = [(2.0, Conclusion.GENERATED)] * 40
    found = figures(rows, ends, 5)["sources"]
    assert found["web"]["wrong"][0] == 1.0
    assert found["gan"]["wrong"][0] == 0.0


def test_small_sources_join_the_largest_of_their_class():
    sources = ["real: web"] * 30 + ["real: scenes"] * 3 + ["real: portraits"] * 12 + ["fake: gan"] * 20 + ["fake: x"]
    joined = with_the_large(sources)
    assert set(joined) == {"real: web", "real: portraits", "fake: gan"}
    assert joined.count("real: web") == 33


def test_a_run_knows_its_corpora(tmp_path, corpora):
    from detectors.training import corpora_of, save_config

    save_config(tmp_path, corpora[:1], corpora[1:], {"note": 1})
    again = corpora_of(tmp_path)
    assert [c.root for c in again] == [Path(c.root) for c in corpora]
    with pytest.raises(Refusal, match="--real and --fake"):
        corpora_of(tmp_path / "absent")


def test_the_card_says_what_was_measured(corpora, tmp_path):
    """With an untrained classifier of the smallest size: the card's numbers are those of the test split."""
    import torch

    from detectors.calibrate import assess
    from detectors.classifier import network as networks
    from detectors.classifier.detector import Classifier
    from detectors.classifier.network import Network, NetworkConfig

    torch.manual_seed(0)
    about = {"date": "2000-01-01", "start": "random weights", "step": 7, "training": {"batch": 8, "seed": 3}}
    config = NetworkConfig(size=64, min_face=16, depth=2, hidden=8)
    networks.save(Network(config), tmp_path / "classifier.safetensors", about)
    tested = [
        Corpus(c.root, tuple(replace(e, split="train" if e.path == "1.png" else "test", licence="CC0") for e in c))
        for c in corpora
    ]
    calibration = Calibration({"classifier": Line(1.0, 0.0, 9)}, Domain(1, 1), 99, 99, 9.0)
    found = assess(tested, [Classifier.load(tmp_path)], calibration, tmp_path, rounds=5)
    assert json.loads((tmp_path / "test.json").read_text()) == found
    assert found["n"] == {"real": 11, "fake": 11}
    text = (tmp_path / "classifier.md").read_text()
    for part in ("7 steps of 8 views", "real portraits 1; generated gan 1.", "Terms of the training data: CC0."):
        assert part in text
    assert f"| gan | 11 | {found['auc_of_maker']['gan'][0]:.3f} (" in text
    assert "| portraits | 11 |" in text
