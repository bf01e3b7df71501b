"""Throughput times every stage; how fast they are is printed, never asserted."""

from __future__ import annotations

from functools import partial

import pytest

from benchmarks.table import Table
from benchmarks.throughput import measure as throughput
from forensics.photo import Photo
from forensics.refusal import Refusal


def test_portraits_differ_in_bytes_alone():
    one, two = Photo.open(throughput.portrait(1)), Photo.open(throughput.portrait(2))
    assert one.sha256 != two.sha256
    assert (one.pixels == two.pixels).all()
    assert (one.width, one.height) == (1024, 1024)


def test_stages_and_summary(panel, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(throughput, "reference", lambda: (lambda: None, 1))
    monkeypatch.setattr(throughput, "first_verdict", lambda weights: 2.0)
    monkeypatch.setattr(throughput, "cores", lambda: 1)
    beside = Table("published", "", (), ())
    monkeypatch.setattr(throughput, "published_table", lambda *given: asked.append(given) or beside)
    result = throughput.measure(partial(panel.load, pause=0.05), tmp_path, photos=2, only="panel")
    stages = {row[0]: row[1] for row in result.table("stages").rows}
    assert list(stages) == ["decode", "face finding", "brightness", "mute", "verdict and JSON"]
    assert 50 <= stages["brightness"] < 500
    summary = {row[0]: row[1] for row in result.table("summary").rows}
    assert summary["one photo"] >= 50
    assert summary["speed"] == pytest.approx(1000 / summary["one photo"])
    assert summary["first verdict, from process start"] == 2.0
    scan = {row[0]: row[1] for row in result.table("scan").rows}
    assert scan["one photo"] >= 0.05
    assert scan["speed"] == pytest.approx(1 / scan["one photo"])
    assert scan["a million such photos"] == pytest.approx(scan["one photo"] * 1e6 / 3600)
    assert scan["whole panel"] == pytest.approx(scan["one photo"] * scan["resnet50 at 224x224, as many workers"])
    assert 0 < scan["cores busy"] <= 110
    assert result.stamp.settings["photos"] == 2
    [(_, _, threads, spent, forwards, _)] = asked  # what the published detectors are shown beside
    assert result.table("published") is beside
    assert (threads, len(spent), len(forwards)) == (1, 2, 2 * throughput.FORWARDS)
    assert all(0.05 <= seconds < 0.5 for seconds in spent)


def test_no_verdict_is_said(tmp_path):
    with pytest.raises(Refusal, match="gave no verdict"):
        throughput.first_verdict(tmp_path / "no weights here")
