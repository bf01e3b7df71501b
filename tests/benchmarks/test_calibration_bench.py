"""The calibration benchmark against closed forms, scikit-learn, naive counts, and outcomes written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from sklearn.isotonic import IsotonicRegression
from typer.testing import CliRunner

from app.commands.bench_calibration import calibration
from benchmarks.calibration.figure import figure
from benchmarks.calibration.measure import PRIORS, measure, mixed, result_of
from benchmarks.calibration.measures import (
    at_best,
    cllr_cal,
    cllr_min,
    cross_entropy_at,
    ece_at,
    entropy,
    errors_at,
    fewest_errors_at,
)
from benchmarks.detection import measure as detection
from benchmarks.detection.measure import Outcome, Setup, Shot
from benchmarks.stamp import Stamp
from benchmarks.table import Measure, Result
from forensics.metrics import cllr, ece, share
from forensics.refusal import Refusal
from forensics.verdict import Conclusion
from tests.benchmarks.standins import Alone, pictures

SETUP = Setup((), (), rounds=20)
STAMP = Stamp("forensics bench calibration", "2026-01-31T00:00:00+00:00")
CAMERA, GENERATED, NOTHING = Conclusion.CAMERA, Conclusion.GENERATED, Conclusion.INCONCLUSIVE
PRIOR = st.floats(0.001, 0.999)
few = settings(max_examples=60, deadline=None)


@st.composite
def scored(draw):
    n = draw(st.integers(2, 30))
    fake = np.array([True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))])
    return np.array(draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n))) / 2, fake


def gaussians(rng, n=40_000, apart=2.0):
    """log10 LR, calibrated, of two classes whose scores lie `apart` standard deviations from each other."""
    fake = np.arange(n) % 2 == 1
    natural = rng.normal(0, apart, n) + np.where(fake, 1, -1) * apart**2 / 2
    return natural / math.log(10), fake


@few
@given(scored(), PRIOR)
def test_the_best_is_never_worse(case, prior):
    assert -1e-9 <= cllr_min(*case) <= min(1, cllr(*case)) + 1e-9
    assert cllr_cal(*case) >= -1e-9
    assert fewest_errors_at(prior)(*case) <= min(errors_at(prior)(*case), 1000 * min(prior, 1 - prior)) + 1e-6


@few
@given(scored())
def test_pooling_is_scikit_learns_and_order_is_all_that_counts(case):
    lr, fake = case
    weight = np.where(fake, 1 / fake.sum(), 1 / (~fake).sum())
    theirs = IsotonicRegression(y_min=0, y_max=1).fit(lr, fake, weight).predict(lr)
    assert 1 / (1 + 10 ** -at_best(lr, fake)) == pytest.approx(theirs, abs=1e-9)
    assert cllr_min(lr**3 / 7 + lr, fake) == pytest.approx(cllr_min(lr, fake))
    assert at_best(at_best(lr, fake).clip(-99, 99), fake) == pytest.approx(at_best(lr, fake))


@few
@given(scored(), PRIOR)
def test_the_fewest_errors_are_those_of_the_best_threshold(case, prior):
    lr, fake = case
    limits = [-9.0, *np.unique(lr), 9.0]
    naive = min(1000 * (prior * (lr[fake] < t).mean() + (1 - prior) * (lr[~fake] >= t).mean()) for t in limits)
    assert fewest_errors_at(prior)(lr, fake) == pytest.approx(naive, abs=1e-6)


@few
@given(scored())
def test_at_even_odds_they_are_the_metrics_known(case):
    assert cross_entropy_at(0.5)(*case) == pytest.approx(cllr(*case))
    assert ece_at(0.5)(*case) == pytest.approx(ece(*case))


@few
@given(PRIOR)
def test_no_evidence_changes_nothing(prior):
    case = np.zeros(6), np.arange(6) < 2
    assert errors_at(prior)(*case) == pytest.approx(1000 * min(prior, 1 - prior))
    assert cross_entropy_at(prior)(*case) == pytest.approx(entropy(prior))
    assert ece_at(prior)(*case) == pytest.approx(0, abs=1e-9)
    assert cllr_min(*case) == pytest.approx(1)


def test_of_calibrated_scores_calibration_loses_little_and_of_boasts_much(rng):
    lr, fake = gaussians(rng)
    assert cllr_cal(lr, fake) < 0.003
    assert cllr_cal(5 * lr, fake) == pytest.approx(cllr(5 * lr, fake) - cllr_min(lr, fake))
    assert cllr_cal(5 * lr, fake) > 0.3
    assert errors_at(0.5)(lr, fake) == pytest.approx(158.7, abs=5)  # d' = 2: Phi(-1)
    assert cross_entropy_at(0.01)(5 * lr, fake) > entropy(0.01)  # worse than not to look
    for prior in PRIORS:
        assert errors_at(prior)(lr, fake) == pytest.approx(fewest_errors_at(prior)(lr, fake), rel=0.06)
        assert ece_at(prior)(lr, fake) < 0.01


def outcome(fake: bool, lr: float | None, said: Conclusion, source: str = "a", grey: bool = False, face: int = 200):
    return Outcome(Shot(Path("x"), "0", fake, source, grey), str(said), lr, {}, face, face, 300, None)


@pytest.fixture
def outcomes() -> list[Outcome]:
    """100 reals, of which one is accused, and 50 fakes, of which 30 are found and one is taken for a photo."""
    reals = [(2.0, GENERATED)] + [(-2.2, CAMERA)] * 60 + [(0.3, NOTHING)] * 29 + [(None, NOTHING)] * 10
    fakes = [(2.5, GENERATED)] * 30 + [(-1.2, CAMERA)] + [(0.3, NOTHING)] * 19
    found = [outcome(False, lr, said, "web") for lr, said in reals]
    return found + [outcome(True, lr, said, "one" if i % 2 else "other") for i, (lr, said) in enumerate(fakes)]


def rows(result: Result, name: str) -> dict:
    return {row[0]: row[1:] for row in result.table(name).rows}


def test_words_at_each_prior(outcomes):
    found = rows(result_of(outcomes, SETUP, STAMP), "words")
    said, wrongly, camera, missed, nothing = found["10 %"]
    assert said.value == pytest.approx(1000 * (0.9 * 0.01 + 0.1 * 0.6))
    assert wrongly.value == pytest.approx(0.009 / 0.069)
    assert camera.value == pytest.approx(1000 * (0.9 * 0.6 + 0.1 * 0.02))
    assert missed.value == pytest.approx(0.002 / 0.542)
    assert nothing.value == pytest.approx(1000 * (0.9 * 0.39 + 0.1 * 0.38))
    low, high = share(1, 100)[1:]
    most, least = share(30, 50)[2], share(30, 50)[1]
    assert wrongly.low == pytest.approx(0.9 * low / (0.9 * low + 0.1 * most))
    assert wrongly.high == pytest.approx(0.9 * high / (0.9 * high + 0.1 * least))
    assert found["1 %"][1].value == pytest.approx(0.0099 / 0.0159)  # most accusations, where fakes are rare


def test_no_accusation_is_no_promise(outcomes):
    calm = [o for o in outcomes if o.shot.fake or o.conclusion != GENERATED]
    cell = rows(result_of(calm, SETUP, STAMP), "words")["1 %"][1]
    assert cell.value == 0
    assert cell.high > 0.7
    silent = [outcome(fake, None, NOTHING) for fake in (False, True) for _ in range(6)]
    assert str(rows(result_of(silent, SETUP, STAMP), "words")["1 %"][1]) == "–"


def test_numbers_at_each_prior(outcomes):
    found = rows(result_of(outcomes, SETUP, STAMP), "priors")
    assert [found[p][0] for p in ("50 %", "10 %", "1 %")] == [500, 100, pytest.approx(10)]
    assert found["10 %"][1].value == pytest.approx(1000 * (0.9 * 0.01 + 0.1 * 0.4))  # over log10 9
    assert found["1 %"][1].value == pytest.approx(1000 * (0.99 * 0.01 + 0.01 * 0.4))  # over log10 99 = 1.996
    even = 0.5 * 0.02 + 0.5 * (0.01 + 0.29 + 0.1 / 2)  # a silent panel is wrong every other time
    assert found["50 %"][1].value == pytest.approx(1000 * even)
    assert found["50 %"][4].n == 150


def test_parts(outcomes):
    more = [outcome(False, 3.0, GENERATED, "web", face=0)] * 5
    found = rows(result_of([*outcomes, *more], SETUP, STAMP), "calibration")
    assert list(found) == ["all", "with a face", "one", "other"]
    assert (found["all"][0].n, found["with a face"][0].n, found["one"][0].n) == (155, 150, 130)
    for total, best, lost, *_ in found.values():
        assert total.value == pytest.approx(best.value + lost.value)
    assert found["with a face"][4].value == pytest.approx((39 + 19) / 150)
    assert found["with a face"][5].value == pytest.approx(2 / 92)
    assert found["all"][0].value > found["with a face"][0].value


def test_reliability_and_tippett(outcomes):
    result = result_of(outcomes, SETUP, STAMP)
    bins = {row[0]: row[1:] for row in result.table("reliability").rows}
    assert list(bins) == ["under -2", "-1.5 to -1", "0 to 0.5", "2 and more"]
    said, observed, fakes, reals = bins["2 and more"]
    assert (fakes, reals, observed.n) == (30, 1, 31)
    assert observed.value == pytest.approx(0.6 / 0.61)
    assert said == pytest.approx(np.average([1 / (1 + 10**-2.5), 1 / (1 + 10**-2)], weights=[0.6, 0.01]))
    assert sum(b[2] for b in bins.values()) == 50
    assert sum(b[3] for b in bins.values()) == 100
    reached = {row[0]: row[1:] for row in result.table("tippett").rows}
    assert reached[0.0] == (pytest.approx(49 / 50), pytest.approx(0.4))
    assert reached[2.5] == (pytest.approx(0.6), 0)
    assert min(reached) == -2.25
    assert reached[-2.25] == (1, 1)


def test_grey_photos_count_nowhere(outcomes):
    grey = [outcome(False, 3.0, GENERATED, grey=True)] * 9
    assert result_of([*outcomes, *grey], SETUP, STAMP).tables == result_of(outcomes, SETUP, STAMP).tables
    with pytest.raises(Refusal, match="both classes"):
        result_of([o for o in outcomes if o.shot.fake], SETUP, STAMP)


@few
@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 9), PRIOR)
def test_mixed_is_bayes(hits, others, n, weight):
    n = max(n, hits, others)
    one, other = Measure(*share(hits, n)), Measure(*share(others, n))
    found = mixed(one, other, weight)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert mixed(other, one, 1 - weight).value == pytest.approx(1 - found.value)


def test_drawn_from_a_result_that_was_kept(outcomes, tmp_path):
    result = result_of(outcomes, SETUP, STAMP)
    kept = Result.load(result.save(tmp_path))
    assert kept.tables == result.tables
    assert kept.figures["reliability"][:8] == b"\x89PNG\r\n\x1a\n"
    drawn = figure(kept)
    assert isinstance(drawn, Figure)
    dots = [line for line in drawn.axes[0].lines if line.get_marker() == "o"]
    assert len(dots) == 4
    assert dots[-1].get_xydata()[0] == pytest.approx(
        [math.log10(p / (1 - p)) for p in (result.table("reliability").rows[-1][1], 0.6 / 0.61)]
    )


@pytest.fixture
def folders(tmp_path, rng) -> tuple[Path, Path]:
    return pictures(tmp_path / "web", 90, rng, 6), pictures(tmp_path / "forged", 200, rng, 6)


def test_what_detection_scored_is_not_examined_again(folders, panel, tmp_path):
    setup = Setup((folders[0],), (("mygen", folders[1]),), "native", "all", rounds=5)
    first = detection.measure(setup, panel.load, tmp_path / "out", crew=Alone)
    seen = []
    result = measure(
        setup, panel.load, tmp_path / "out", watch=lambda done, total: seen.append((done, total)), crew=Alone
    )
    assert seen == [(12, 12)]
    assert rows(result, "calibration")["all"][0] == rows(first, "verdict")["Cllr"][0]
    assert result.stamp.corpora == first.stamp.corpora
    assert result.stamp.weights == first.stamp.weights
    assert "6 real and 6 fake photos" in result.table("calibration").notes[0]


def test_the_command_refuses_half_a_set(tmp_path):
    app = typer.Typer()
    app.command()(calibration)
    answer = CliRunner().invoke(app, ["--real", str(tmp_path), "--out", str(tmp_path)])
    assert isinstance(answer.exception, Refusal)
    assert "pass both --real and --fake" in str(answer.exception)
