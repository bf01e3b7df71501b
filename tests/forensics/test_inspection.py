"""One photo through the main flow: what a failing detector costs, and what an unreadable file gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence
from forensics.inspection import inspect, inspect_file
from forensics.photo import Photo
from forensics.stability import REPOSTINGS
from forensics.verdict import Conclusion

CALIBRATION = Calibration({"steady": Line(1.0, 0.0, 9)}, Domain(1, 1), 3000, 3000, 1.0)


class Steady:
    name, question, scores, weights = "steady", "Is it?", True, None

    def examine(self, photo: Photo) -> Evidence:
        return Evidence(self.name, 2.0, "It is.")


class Broken(Steady):
    name = "broken"

    def examine(self, photo: Photo) -> Evidence:
        raise ZeroDivisionError("a mistake of ours")


@pytest.fixture
def photo(portrait_file) -> Photo:
    return Photo.open(portrait_file)


def test_without_a_detector_that_failed_the_others_are_heard_and_nothing_is_concluded(photo):
    report = inspect(photo, [Broken(), Steady()], CALIBRATION)
    broken, steady = report.verdict.weighed
    assert broken.log10_lr is None
    assert "failed (ZeroDivisionError)" in broken.evidence.finding
    assert steady.log10_lr == 2.0
    assert report.verdict.conclusion == Conclusion.INCONCLUSIVE
    assert "the detector broken failed" in report.verdict.words
    assert inspect(photo, [Steady()], CALIBRATION).verdict.conclusion == Conclusion.GENERATED


def test_an_edited_part_is_not_concluded_when_a_detector_failed_or_on_re_posted_copies(photo):
    class Part(Steady):
        name, scores = "part", False

        def examine(self, photo: Photo) -> Evidence:
            return Evidence(self.name, None, "A part differs.", edited=300)

    low = replace(CALIBRATION, lines={"steady": Line(-1.0, 0.0, 9)})
    assert inspect(photo, [Part(), Steady()], low).verdict.conclusion == Conclusion.EDITED
    assert inspect(photo, [Part(), Broken(), Steady()], low).verdict.conclusion == Conclusion.INCONCLUSIVE
    assert inspect(photo, [Part(), Steady()], low, REPOSTINGS[:1]).verdict.conclusion == Conclusion.CAMERA


def test_without_a_face_nothing_is_concluded():
    grey = Photo.from_pixels(np.full((99, 99, 3), 127, np.uint8))
    verdict = inspect(grey, [Steady()], CALIBRATION).verdict
    assert verdict.conclusion == Conclusion.INCONCLUSIVE
    assert verdict.log10_lr == 2.0
    assert "no face" in verdict.words


def test_an_unreadable_file_is_a_report_with_a_reason(tmp_path):
    (tmp_path / "x.jpg").write_text("text")
    report = inspect_file(tmp_path / "x.jpg", [Steady()], CALIBRATION)
    assert (report.status, report.verdict) == ("unreadable", None)
    assert len(report.sha256) == 64
    assert "not a photo" in report.reason
