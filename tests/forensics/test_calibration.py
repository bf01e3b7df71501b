"""Scores become likelihood ratios that mean what they say, and claim no more than n supports."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.calibration import Calibration, Domain, Line, disagreement, fit, honest_factor
from forensics.refusal import Refusal

DOMAIN = Domain(100, 50)


def gaussians(rng: np.random.Generator, n: int, shift: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    fake = np.arange(n) % 2 == 0
    return rng.normal(0, 1, n) + shift * fake, fake


def test_the_fit_finds_the_true_log_likelihood_ratio(rng):
    """N(0, 1) against N(2, 1): ln LR = 2 s - 2 (closed form). 5 % at n = 20,000 is 3 standard errors."""
    scores, fake = gaussians(rng, 20_000)
    line = fit(["d"], scores[:, None], fake, DOMAIN).lines["d"]
    assert line.slope * math.log(10) == pytest.approx(2, rel=0.05)
    assert line.offset * math.log(10) == pytest.approx(-2, rel=0.05)


def test_prior_of_the_calibration_set_does_not_matter(rng):
    scores, fake = gaussians(rng, 20_000)
    keep = ~fake | (rng.random(len(fake)) < 0.1)
    line = fit(["d"], scores[keep, None], fake[keep], DOMAIN).lines["d"]
    assert line.slope * math.log(10) == pytest.approx(2, rel=0.1)
    assert line.offset * math.log(10) == pytest.approx(-2, rel=0.1)


def test_one_trace_seen_twice_counts_once(rng):
    scores, fake = gaussians(rng, 4000)
    twice = fit(["a", "b"], np.stack([scores, scores], 1), fake, DOMAIN)
    once = fit(["a"], scores[:, None], fake, DOMAIN)
    assert twice.lines["a"](1.0) + twice.lines["b"](1.0) == pytest.approx(once.lines["a"](1.0), abs=0.01)


def test_a_worthless_or_inverted_detector_gets_no_weight(rng):
    scores, fake = gaussians(rng, 4000)
    fitted = fit(["good", "inverted"], np.stack([scores, -scores + rng.normal(0, 3, 4000)], 1), fake, DOMAIN)
    assert fitted.lines["inverted"].slope == pytest.approx(0, abs=0.02)


def test_silence_adds_nothing(rng):
    scores, fake = gaussians(rng, 4000)
    table = np.stack([scores, np.where(rng.random(4000) < 0.5, scores, np.nan)], 1)
    fitted = fit(["a", "b"], table, fake, DOMAIN)
    assert fitted.total({"a": 1.0, "b": None}) == pytest.approx(fitted.lines["a"](1.0))
    assert fitted.total({"a": None, "b": None}) is None
    assert fitted.part("b", None) is None
    assert fitted.part("unknown", 3.0) is None


@given(st.floats(-1e6, 1e6), st.integers(1, 10_000), st.integers(1, 10_000))
def test_claims_are_capped_by_n(score, n_real, n_fake):
    calibration = Calibration({"d": Line(5.0, 1.0, 9)}, DOMAIN, n_real, n_fake, 0.0)
    total = calibration.total({"d": score})
    assert -math.log10(max(n_fake / 3, 1)) <= total <= math.log10(max(n_real / 3, 1))
    assert calibration.part("d", score) == total


def test_one_class_is_refused():
    with pytest.raises(Refusal, match="0 fake"):
        fit(["d"], np.zeros((5, 1)), np.zeros(5, bool), DOMAIN)


def test_saved_and_loaded_is_the_same(tmp_path, rng):
    scores, fake = gaussians(rng, 100)
    fitted = fit(["d"], scores[:, None], fake, DOMAIN, about={"seed": 0})
    fitted.save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")
    assert loaded == fitted
    assert loaded.sha256 == fitted.sha256


@given(st.lists(st.floats(-5, 5), max_size=6))
def test_disagreement_is_the_weaker_camp(parts):
    value = disagreement(parts)
    assert value == pytest.approx(disagreement([-p for p in parts]))
    assert 0 <= value <= sum(abs(p) for p in parts) / 2 + 1e-9


@pytest.mark.parametrize(
    ("width", "height", "face", "why"),
    [(500, 500, None, "no face"), (90, 500, 60, "90x500"), (500, 500, 20, "20 px")],
)
def test_outside_the_domain_says_why(width, height, face, why):
    assert why in DOMAIN.outside(width, height, face)
    assert DOMAIN.outside(500, 5000, 200) is None


def test_an_honest_ratio_is_left_alone(rng):
    """True LRs obey the inequality in expectation; only chance in the tail may shrink them a little."""
    scores, fake = gaussians(rng, 20_000)
    assert honest_factor((2 * scores - 2) / math.log(10), fake, np.zeros(20_000)) > 0.75


def test_one_accused_source_shrinks_every_claim(rng):
    """Portraits score like fakes: pooled they are few, but no line may call a tenth of them 10 times likelier."""
    scores, fake = gaussians(rng, 4000, shift=4)
    source = np.where(np.arange(4000) < 3800, "web", "portraits")
    scores = scores + np.where((source == "portraits") & ~fake, 2.5, 0)
    pooled = fit(["d"], scores[:, None], fake, DOMAIN)
    careful = fit(["d"], scores[:, None], fake, DOMAIN, source=source)
    portraits = scores[(source == "portraits") & ~fake]

    def accused(c: Calibration) -> float:
        return np.mean([c.total({"d": s}) > 1 for s in portraits])

    assert accused(pooled) > 0.1
    assert accused(careful) <= 0.1


@given(st.integers(0, 1000))
def test_after_shrinking_no_source_breaks_the_inequality(seed):
    rng = np.random.default_rng(seed)
    fake, source = rng.random(60) < 0.5, rng.integers(0, 3, 60)
    log10_lr = rng.normal(0, 3, 60)
    shrunk = log10_lr * honest_factor(log10_lr, fake, source)
    for wrong_way, members in ((shrunk, ~fake), (-shrunk, fake)):
        for name in np.unique(source[members]):
            own = wrong_way[members & (source == name)]
            for value in own[own > 1 + 1e-9]:
                assert np.mean(own >= value) <= 10**-value * (1 + 1e-9)


def test_that_a_detector_could_speak_is_no_evidence(rng):
    """ "eyes" says nothing of use, but speaks on large faces, which are mostly fakes here: its line must be 0."""
    scores, fake = gaussians(rng, 4000)
    speaks = rng.random(4000) < np.where(fake, 0.9, 0.2)
    table = np.stack([scores, np.where(speaks, rng.normal(0, 1, 4000), np.nan)], 1)
    fitted = fit(["good", "eyes"], table, fake, DOMAIN)
    assert abs(fitted.lines["eyes"](0.0)) < 0.05
    assert fitted.lines["good"].offset * math.log(10) == pytest.approx(-2, rel=0.15)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"lines": 3, "domain": {}}'])
def test_a_broken_file_is_refused(tmp_path, text):
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(Refusal, match="no calibration"):
        Calibration.load(tmp_path / "calibration.json")
