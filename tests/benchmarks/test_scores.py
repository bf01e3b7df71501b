"""What was answered is kept for good, whatever happened to the file's last line."""

from __future__ import annotations

import pytest

from benchmarks.detection.scores import Scores
from forensics.refusal import Refusal


def test_answers_of_one_photo_come_together(tmp_path):
    scores = Scores(tmp_path / "new", "repost-0")
    assert scores.of("aa") == {}
    scores.add("aa", {"eyes@1": {"score": 0.1 + 0.2}})
    scores.add("aa", {"eyes@2": {"score": None}, "verdict@3": {}})
    scores.add("bb", {"eyes@1": {"failed": "ünlucky"}})
    again = Scores(tmp_path / "new", "repost-0")
    assert again.rows == scores.rows
    assert again.of("aa") == {"eyes@1": {"score": 0.1 + 0.2}, "eyes@2": {"score": None}, "verdict@3": {}}
    assert Scores(tmp_path / "new", "repost-1").rows == {}


def test_a_line_that_was_cut_off_costs_itself_alone(tmp_path):
    scores = Scores(tmp_path, "x")
    for photo in ("aa", "bb"):
        scores.add(photo, {"eyes@1": {"score": 1.0}})
    whole = scores.lines.path.read_bytes()
    for lost in range(1, len(whole) // 2 - 1):
        scores.lines.path.write_bytes(whole[:-lost])
        cut = Scores(tmp_path, "x")
        assert set(cut.rows) == ({"aa", "bb"} if lost == 1 else {"aa"})
        cut.add("cc", {"eyes@1": {"score": 2.0}})
        assert set(Scores(tmp_path, "x").rows) == {*cut.rows}
        assert Scores(tmp_path, "x").of("cc") == {"eyes@1": {"score": 2.0}}


def test_what_is_no_line_of_ours_is_passed_over(tmp_path):
    path = tmp_path / "scores-x.jsonl"
    path.write_bytes(
        b'\xff\xfe\n[]\n{"photo": "a"}\n{"photo": "b", "said": 3}\n{"photo": "c", "said": {"d": 1}}\n7\n'
    )
    assert Scores(tmp_path, "x").rows == {}


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Refusal, match="pass --out"):
        Scores(tmp_path / "file", "x")
