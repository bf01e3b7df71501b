"""All that is read off scores is what forensics.metrics says of the same bootstrap samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bootstrap import roc, with_interval
from benchmarks.detection.curves import GRID, NEEDED, Curve, ap, balanced_accuracy, band, eer
from benchmarks.table import Measure
from forensics import metrics

cases = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=40).filter(
    lambda pairs: len({fake for _, fake in pairs}) == 2
)


def accuracy_over(threshold: float) -> metrics.Metric:
    return lambda scores, fake: ((scores[fake] > threshold).mean() + (scores[~fake] <= threshold).mean()) / 2


@given(cases, st.sampled_from([-9.0, -1.0, 0.5, 2.0, 9.0]), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_values_and_intervals_are_those_of_the_metrics(pairs, threshold, seed):
    scores, fake = (np.array(column) for column in zip(*pairs, strict=True))
    found = roc(scores, fake, 8, seed)
    for samples, metric in (
        (ap(found, int(fake.sum()), int((~fake).sum())), metrics.ap),
        (eer(found), metrics.eer),
        (balanced_accuracy(found, scores, threshold), accuracy_over(threshold)),
    ):
        expected = metrics.interval(metric, scores, fake, 8, seed)
        assert with_interval(samples) == pytest.approx(expected, abs=1e-9)


@given(cases)
@settings(max_examples=20, deadline=None)
def test_the_drawn_curve_is_what_is_found_at_each_share_of_false_alarms(pairs):
    scores, fake = (np.array(column) for column in zip(*pairs, strict=True))
    found = roc(scores, fake, 8, 0)
    drawn = band(found)
    assert drawn.shape == (3, len(GRID))
    for at in (0, 40, 100, len(GRID) - 1):
        assert drawn[:, at] == pytest.approx(with_interval(found.tpr_at(GRID[at])))


def test_a_curve_has_everything_and_chance_is_chance(rng):
    fake = np.arange(4000) % 4 == 0
    curve = Curve.of(list(zip(rng.normal(size=4000), fake, strict=True)), 0.3, 50, 0)
    for measure, chance in ((curve.auc, 0.5), (curve.ap, 0.25), (curve.eer, 0.5), (curve.accuracy, 0.5)):
        assert measure.low < chance < measure.high
        assert measure.n == 4000
    assert curve.strict.value < 0.03
    assert curve.strictest.value <= curve.strict.value
    assert Curve.of(list(zip(fake * 1.0, fake, strict=True)), None, 5, 0).accuracy is None


def test_few_photos_are_counted_and_not_measured():
    curve = Curve.of([(1.0, True)] * NEEDED + [(0.0, False)] * (NEEDED - 1), 0.5, 5, 0)
    assert all(np.isnan(m.value) and m.n == 2 * NEEDED - 1 for m in (curve.auc, curve.ap, curve.accuracy))
    assert isinstance(curve.accuracy, Measure)
    assert curve.drawn is None
