"""The mistakes are those photos that a detector ranks on the other class's side, and can be read back from a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.detection.measure import Outcome
from benchmarks.detection.mistakes import (
    COLUMNS,
    KINDS,
    NAME,
    OF_A_CLASS,
    OF_THE_VERDICT,
    misranked,
    mistakes_table,
    read_mistakes,
)
from benchmarks.shots import Shot
from benchmarks.stamp import Stamp
from benchmarks.table import Result, Table
from forensics.metrics import auc
from forensics.verdict import Conclusion

CAMERA, GENERATED, NOTHING = Conclusion.CAMERA, Conclusion.GENERATED, Conclusion.INCONCLUSIVE


def outcome(
    name: str,
    fake: bool,
    score: float | None,
    lr: float | None = None,
    said: Conclusion = NOTHING,
    grey: bool = False,
) -> Outcome:
    scores = {} if score is None else {"noise": score}
    shot = Shot(Path("photos") / name, digest(name), fake, "a maker" if fake else "a domain", grey)
    return Outcome(shot, str(said), lr, scores, 200, 300, 300, None)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode(errors="replace")).hexdigest()


def mistakes(*outcomes: Outcome) -> dict:
    return read_mistakes(mistakes_table(outcomes, ("noise", "silent")))


def names(found) -> list[str]:
    return [Path(mistake.photo).name for mistake in found]


def test_a_detector_that_tells_all_apart_has_none():
    assert mistakes(outcome("a", False, 1), outcome("b", False, 2), outcome("c", True, 3)) == {}


def test_a_photo_is_as_wrong_as_the_share_of_the_others_that_it_stands_beyond():
    reals = [outcome("quiet", False, -5), outcome("loud", False, 2.5), outcome("tied", False, 1)]
    fakes = [outcome("meek", True, -9), outcome("low", True, 1), outcome("mid", True, 2), outcome("high", True, 3)]
    found = mistakes(*reals, *fakes)["noise"]
    shares = {name: mistake.misranked for name, mistake in zip(names(found), found, strict=True)}
    assert shares == {"meek": 1.0, "loud": 0.75, "low": pytest.approx(1 / 3), "mid": pytest.approx(1 / 3)} | {
        "tied": 0.25,  # the fake of the same score is on neither side
        "quiet": 0.25,
    }
    assert names(found)[:2] == ["meek", "loud"]
    loud = found[1]
    assert (loud.label, loud.source, loud.score, loud.sha256, loud.photo) == (
        "real",
        "a domain",
        2.5,
        digest("loud"),
        "photos/loud",
    )


@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=30))
def test_the_mean_share_is_what_the_area_lacks(pairs):
    """Counted one by one; and, with the ties that neither class has, 1 - AUC."""
    outcomes = [outcome(f"{i}", fake, score) for i, (score, fake) in enumerate(pairs)]
    share = misranked(outcomes, lambda o: o.scores["noise"])
    for o in outcomes:
        own = o.scores["noise"]
        others = [q.scores["noise"] for q in outcomes if q.shot.fake != o.shot.fake]
        beyond = sum(own < other if o.shot.fake else own > other for other in others)
        assert share(o) == pytest.approx(beyond / max(1, len(others)))
    reals = [score for score, fake in pairs if not fake]
    fakes = [score for score, fake in pairs if fake]
    if reals and fakes and not set(reals) & set(fakes):
        area = auc(np.array([s for s, _ in pairs], float), np.array([f for _, f in pairs]))
        mine = [share(o) for o in outcomes if not o.shot.fake]
        assert sum(mine) / len(mine) == pytest.approx(1 - area)


def test_few_photos_of_each_class():
    reals = [outcome(f"r{i}", False, i) for i in range(20)]
    fakes = [outcome(f"f{i}", True, i - 0.5) for i in range(20)]
    found = mistakes(*reals, *fakes)["noise"]
    assert {n for n in names(found) if n[0] == "r"} == {f"r{i}" for i in range(20 - OF_A_CLASS, 20)}
    assert {n for n in names(found) if n[0] == "f"} == {f"f{i}" for i in range(OF_A_CLASS)}
    assert [m.misranked for m in found] == sorted((m.misranked for m in found), reverse=True)


def test_of_the_verdict_wrong_conclusions_come_first():
    found = mistakes(
        outcome("right", False, None, -2.0, CAMERA),
        outcome("leans", False, None, 0.4),
        outcome("accused", False, None, 1.3, GENERATED),
        outcome("edited", False, None, -0.2, Conclusion.EDITED),
        outcome("cleared", True, None, -1.1, CAMERA),
        outcome("misled", True, None, -3.0),
        outcome("found", True, None, 2.0, GENERATED),
        outcome("silent", True, None, None),
    )["verdict"]
    assert names(found) == ["accused", "cleared", "edited", "misled", "leans"]
    assert [m.concluded_wrongly for m in found] == [True, True, True, False, False]
    assert {m.score for m in found} == {None}


def test_the_verdict_has_its_own_limit():
    wrong = [outcome(f"{i}", False, None, 1.0 + i, GENERATED) for i in range(OF_THE_VERDICT + 5)]
    found = mistakes(*wrong, outcome("fake", True, None, 0.1))["verdict"]
    assert names(found) == [f"{i}" for i in reversed(range(5, OF_THE_VERDICT + 5))]


def test_photos_without_their_colour_do_not_count():
    grey = outcome("grey", False, 9.0, 9.0, GENERATED, grey=True)
    assert mistakes(grey, outcome("r", False, 0), outcome("f", True, 1)) == {}


def test_what_is_stored_is_read_back(tmp_path):
    outcomes = [outcome("r", False, 2.0, 0.5), outcome("f", True, 1.0, None)]
    table = mistakes_table(outcomes, ("noise",))
    path = Result("detection", "Detection", (table,), Stamp("x", "2026-01-31")).save(tmp_path)
    assert read_mistakes(Result.load(path).table(NAME)) == read_mistakes(table)
    assert list(read_mistakes(table)) == ["verdict", "noise"]
    assert read_mistakes(table)["noise"][1].log10_lr is None


def test_names_that_would_break_a_file_are_escaped(tmp_path):
    odd = outcome("a\nb\udcff|c", False, 2.0)
    table = mistakes_table([odd, outcome("f", True, 1.0)], ("noise",))
    stored = Result("detection", "Detection", (table,), Stamp("x", "2026-01-31")).save(tmp_path)
    assert read_mistakes(table)["noise"][0].photo == r"photos/a\nb\udcff|c"
    rows = [line for line in stored.with_suffix(".md").read_text().splitlines() if line.startswith("| noise")]
    assert len(rows) == 2


def test_rows_of_another_form_are_passed_over():
    good = mistakes_table([outcome("r", False, 2.0), outcome("f", True, 1.0)], ("noise",)).rows[0]
    spoilt = [7 if str in kinds else "x" for kinds in KINDS]
    rows = tuple((*good[:i], cell, *good[i + 1 :]) for i, cell in enumerate(spoilt))
    assert read_mistakes(Table(NAME, "", COLUMNS, rows)) == {}
    assert read_mistakes(Table("other", "", COLUMNS, (good,))) == {}
    assert read_mistakes(Table(NAME, "", COLUMNS[:2], (good[:2],))) == {}
    assert len(read_mistakes(Table(NAME, "", COLUMNS, (*rows, good)))["noise"]) == 1
