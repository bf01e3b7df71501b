"""Verdicts say what the evidence supports, and "inconclusive" whenever it does not."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Claim, Evidence
from forensics.verdict import Conclusion, ratio, strength, weigh

DOMAIN = Domain(1, 1)
CALIBRATION = Calibration({"a": Line(1, 0, 9), "b": Line(1, 0, 9)}, DOMAIN, 30_000, 30_000, conflict=0.5)


def scored(**scores: float | None) -> list[Evidence]:
    return [Evidence(name, score, "finding") for name, score in scores.items()]


@pytest.mark.parametrize(
    ("scores", "conclusion"),
    [
        ({"a": 1.5, "b": 0.5}, Conclusion.GENERATED),
        ({"a": -1.5, "b": 0.4}, Conclusion.CAMERA),
        ({"a": 0.9}, Conclusion.INCONCLUSIVE),
        ({"a": None, "b": None}, Conclusion.INCONCLUSIVE),
        ({"a": 3.0, "b": -0.6}, Conclusion.INCONCLUSIVE),  # they contradict each other by more than 0.5
    ],
)
def test_conclusions(scores, conclusion):
    assert weigh(scored(**scores), CALIBRATION, None).conclusion == conclusion


def test_generated_takes_more_than_camera_where_photos_of_some_source_look_so():
    careful = replace(CALIBRATION, accuse=1.4)
    found = weigh(scored(a=1.3), careful, None)
    assert found.conclusion == Conclusion.INCONCLUSIVE
    assert "19 times likelier if generated" in found.words
    assert "it takes 25 times" in found.words
    assert weigh(scored(a=1.4), careful, None).conclusion == Conclusion.GENERATED
    assert weigh(scored(a=-1.1), careful, None).conclusion == Conclusion.CAMERA


def test_the_number_is_there_even_when_inconclusive():
    verdict = weigh(scored(a=3.0), CALIBRATION, "the photo is odd")
    assert verdict.conclusion == Conclusion.INCONCLUSIVE
    assert verdict.log10_lr == 3.0
    assert "the photo is odd" in verdict.words


@given(st.dictionaries(st.sampled_from("ab"), st.none() | st.floats(-9, 9)), st.sampled_from([None, "too small"]))
def test_no_verdict_accuses_or_absolves_in_words(scores, outside):
    verdict = weigh(scored(**scores), CALIBRATION, outside)
    assert not re.search(r"\b(fake|authentic|real|genuine|proof|proves)\b", verdict.words, re.IGNORECASE)
    if verdict.conclusion != Conclusion.INCONCLUSIVE:
        assert outside is None
        assert abs(verdict.log10_lr) >= 1


@pytest.mark.parametrize(
    ("says", "verified", "conclusion"),
    [
        ("generated", True, Conclusion.DECLARED_VERIFIED),
        ("generated", False, Conclusion.DECLARED),
        ("edited", False, Conclusion.INCONCLUSIVE),  # nor this; the words tell of it
        ("edited", True, Conclusion.EDITED),
        ("captured", True, Conclusion.CAMERA),
        ("captured", False, Conclusion.INCONCLUSIVE),  # anyone can write it
    ],
)
def test_claims(says, verified, conclusion):
    evidence = [Evidence("credentials", None, "f", claim=Claim(says, verified, "somebody"))]
    verdict = weigh(evidence, CALIBRATION, "no face")
    assert verdict.conclusion == conclusion
    assert verdict.log10_lr is None


PART = Evidence("regions", None, "f", edited=300)


@pytest.mark.parametrize("outside", [None, "no face was found"])
@pytest.mark.parametrize("score", [None, 0.2, -2.0])
def test_a_part_that_disagrees_supports_an_edit_whatever_the_face_says(score, outside):
    verdict = weigh([*scored(a=score), PART], CALIBRATION, outside)
    assert verdict.conclusion == Conclusion.EDITED
    assert "any part of 300 untouched photos" in verdict.words
    assert "at most 1 in 100" in verdict.words
    assert verdict.log10_lr == score  # it adds nothing to the likelihood ratio
    assert not re.search(r"\b(fake|authentic|real|genuine|proof|proves)\b", verdict.words, re.IGNORECASE)


def test_generated_is_said_first_and_tells_of_the_part():
    verdict = weigh([*scored(a=2.0), PART], CALIBRATION, None)
    assert verdict.conclusion == Conclusion.GENERATED
    assert "disagrees with the rest" in verdict.words


@pytest.mark.parametrize("says", ["generated", "edited", "captured"])
def test_pixels_never_overrule_a_verified_claim(says):
    evidence = [Evidence("credentials", None, "f", claim=Claim(says, True, "somebody")), PART]
    assert weigh(evidence, CALIBRATION, None).words == weigh(evidence[:1], CALIBRATION, None).words


def test_an_unverified_camera_claim_does_not_hide_a_generated_one():
    claims = [Claim("captured", False, "EXIF"), Claim("generated", False, "PNG text")]
    evidence = [Evidence(str(i), None, "f", claim=claim) for i, claim in enumerate(claims)]
    assert weigh(evidence, CALIBRATION, None).conclusion == Conclusion.DECLARED


def test_the_verbal_scale_is_ensfis():
    words = [strength(x) for x in (0.5, 1.5, -2.5, 3.5, 5, 7)]
    assert words == ["weak", "moderate", "moderately strong", "strong", "very strong", "extremely strong"]


def test_ratios_are_in_plain_digits():
    assert ratio(1) == "10 times likelier if generated"
    assert ratio(-2.5) == "310 times likelier if from a camera"
    assert ratio(4.2) == "15,000 times likelier if generated"
    assert ratio(0.9999) == "9.9 times likelier if generated"  # never rounded up
    assert ratio(-0.01) == "equally likely either way"


def test_a_camera_is_supported_only_against_the_generators_that_were_validated():
    known = replace(CALIBRATION, makers=("dcgan", "stylegan2"))
    words = weigh(scored(a=-2.0), known, None).words
    assert "not a generator of a kind that was validated (dcgan, stylegan2)" in words
