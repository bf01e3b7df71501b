"""Which photos to look at first: never more by chance than was said, and nothing that was not validated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.calibration import Calibration, Domain, fit
from forensics.refusal import Refusal
from forensics.triage import MOST, bound, rates, triage
from forensics.verdict import Conclusion

CALIBRATION = Calibration({}, Domain(1, 1), 929, 218, 1.0, support=(541.0, 98.8), accuse=1.25)


def test_rates_are_bounded_by_three_over_n():
    assert bound(CALIBRATION) == (541, pytest.approx(3 / 541))
    assert rates(CALIBRATION) == (0.1, 0.01, pytest.approx(3 / 541))
    assert rates(replace(CALIBRATION, support=(20.0, 20.0))) == ()
    for rate in (0.001, 0.5, 0.0, float("nan")):
        with pytest.raises(Refusal, match="541 real photos"):
            triage(CALIBRATION, rate)


def test_thresholds_are_those_that_were_measured_or_promised():
    assert [round(triage(CALIBRATION, rate).threshold, 3) for rate in rates(CALIBRATION)] == [1.0, 1.25, 2.256]
    assert triage(replace(CALIBRATION, accuse=3.0), 0.01).threshold == 2.0


@given(st.floats(3 / 541, MOST), st.floats(3 / 541, MOST))
def test_a_lower_rate_never_marks_more(one, other):
    low, high = (triage(CALIBRATION, rate) for rate in sorted((one, other)))
    assert low.threshold >= high.threshold


def test_what_was_not_validated_is_never_among_the_first():
    rule = triage(CALIBRATION, 0.01)
    assert rule.first("inconclusive", 1.3, True)
    assert rule.first(Conclusion.GENERATED, 2.0, True)
    assert not rule.first("inconclusive", 1.2, True)
    assert not rule.first("inconclusive", 2.2, False)
    assert not rule.first("inconclusive", 2.2, None)
    assert not rule.first("inconclusive", None, True)
    assert not rule.first(Conclusion.CAMERA, 2.2, True)  # signed as a capture


@pytest.mark.parametrize("seed", range(4))
def test_no_more_real_photos_than_promised_are_marked(seed):
    """On fresh photos of the kind that the calibration was fitted on."""
    rng = np.random.default_rng(seed)
    fake = np.arange(2400) % 2 == 1
    fitted = fit(["a"], rng.normal(fake * 3.0, 1)[:, None], fake, Domain(1, None))
    fresh = np.array([fitted.total({"a": score}) for score in rng.normal(0, 1, 20_000)])
    for rate in rates(fitted)[:1]:  # 1 % by `accuse` is measured elsewhere, with the cross-fitted ratios
        assert (fresh >= triage(fitted, rate).threshold).mean() <= rate
