"""A conclusion that re-posting turns round is none; one that it only weakens stays, and is said to be weak."""

from __future__ import annotations

import io
import json
import re

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from forensics import laundering
from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Claim, Evidence
from forensics.inspection import inspect, inspect_file
from forensics.page import as_html, position
from forensics.photo import Photo
from forensics.report import as_json, schema
from forensics.stability import LARGEST, REPOSTINGS, Copy, Stability
from forensics.verdict import PASSES, Conclusion, Verdict

CALIBRATION = Calibration({"told": Line(1.0, 0.0, 9)}, Domain(1, 1), 30_000, 30_000, 1.0)
GENERATED, CAMERA, OPEN = 2.0, -2.0, 0.3


class Told:
    """Says the scores it was told, first of the photo as it came, then of each copy."""

    name, question, scores, weights = "told", "Is it?", True, None

    def __init__(self, first: float, *copies: float):
        self.rest = [first, *copies, *[first] * (len(REPOSTINGS) - len(copies))]
        self.seen: list[Photo] = []

    def examine(self, photo: Photo) -> Evidence:
        self.seen.append(photo)
        return Evidence(self.name, self.rest[len(self.seen) - 1], "It is.")


class Declares:
    name, question, scores, weights = "declares", "What does it say?", False, None

    def __init__(self, claim: Claim):
        self.claim, self.asked = claim, 0

    def examine(self, photo: Photo) -> Evidence:
        self.asked += 1
        return Evidence(self.name, None, "It says so.", claim=self.claim)


@pytest.fixture(scope="module")
def photo(portrait_file) -> Photo:
    """A face, small, so that it is quickly found thirteen times."""
    return Photo.from_pixels(laundering.resize(Photo.open(portrait_file).pixels, 0.5))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 255, (9, 13, 3), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((131, 97), Image.BICUBIC))


def stable(photo: Photo, *scores: float, claim: Claim | None = None):
    panel = [Told(*scores)] + ([Declares(claim)] if claim else [])
    return inspect(photo, panel, CALIBRATION, REPOSTINGS)


def test_there_are_twelve_each_of_its_own_kind(picture):
    assert len({r.name for r in REPOSTINGS}) == 12
    results = [r.through(picture).tobytes() for r in REPOSTINGS]
    assert len({picture.tobytes(), *results}) == 13


@pytest.mark.parametrize("reposting", REPOSTINGS, ids=lambda r: r.name)
def test_the_same_photo_comes_back_the_same_and_says_nothing_of_itself(reposting, picture):
    exif = Image.Exif()
    exif[0x0131] = "a generator"
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", exif=exif, comment=b"a generator")
    source = Photo.open(buffer.getvalue(), "mine.jpg")
    once, twice = reposting(source), reposting(source)
    assert once.sha256 == twice.sha256
    assert once.name == "mine.jpg"
    assert (once.jpeg, dict(once.exif), dict(once.text), once.xmp) == (None, {}, {}, b"")
    assert once.width <= 131
    assert np.abs(once.pixels.mean((0, 1)) - picture.mean((0, 1))).max() < 8  # still the same picture


@pytest.mark.parametrize("reposting", REPOSTINGS, ids=lambda r: r.name)
@pytest.mark.parametrize("size", [(1, 1), (2, 20_000)])
def test_every_size_comes_back_and_none_larger_than_a_site_keeps(reposting, size):
    copy = reposting(Photo.from_pixels(np.full((*size, 3), 99, np.uint8)))  # WebP has no side over 16,383 px
    assert max(copy.width, copy.height) <= LARGEST


@pytest.mark.parametrize(("first", "turned"), [(GENERATED, CAMERA), (CAMERA, GENERATED)])
def test_one_copy_that_says_the_opposite_makes_it_inconclusive(photo, first, turned):
    report = stable(photo, first, first, first, OPEN, turned, turned * 2)
    assert report.verdict.conclusion is Conclusion.INCONCLUSIVE
    assert report.verdict.log10_lr == first  # the number is the photo's
    words = report.verdict.words
    assert words.startswith("Inconclusive: re-posting turns the scores round: as it came, the evidence is 100 times")
    assert f"but re-posted ({REPOSTINGS[3].name}) it is 100 times likelier" in words  # the gentlest that does
    kind = "for a camera" if turned < 0 else "for a generator"
    assert words.endswith(f"9 of 12 re-postings agree (1 inconclusive, 2 {kind}).")


def test_copies_that_cannot_tell_turn_nothing(photo):
    few = stable(photo, GENERATED, *[OPEN] * 8)
    assert few.verdict.conclusion is Conclusion.GENERATED
    lost = "Only 4 of 12 re-postings agree (8 inconclusive): what it rests on does not outlive most of them."
    assert few.verdict.words.endswith(lost)
    most = stable(photo, CAMERA, OPEN)
    assert most.verdict.conclusion is Conclusion.CAMERA
    assert most.verdict.words.endswith(f"from a camera. {PASSES} 11 of 12 re-postings agree (1 inconclusive).")
    assert stable(photo, CAMERA).verdict.words.endswith(" 12 of 12 re-postings agree.")


def test_an_inconclusive_photo_stays_so_whatever_its_copies_say(photo):
    verdict = stable(photo, OPEN, *[GENERATED] * 11, CAMERA).verdict
    assert verdict.conclusion is Conclusion.INCONCLUSIVE
    assert verdict.words.endswith("0 of 12 re-postings agree (11 for a generator, 1 for a camera).")


@pytest.mark.parametrize(
    ("claim", "conclusion"),
    [
        (Claim("generated", False, "XMP"), Conclusion.DECLARED),
        (Claim("generated", True, "Maker"), Conclusion.DECLARED_VERIFIED),
        (Claim("edited", True, "Maker"), Conclusion.EDITED),
        (Claim("captured", True, "Camera"), Conclusion.CAMERA),
    ],
)
def test_what_was_declared_stays_and_only_the_scores_are_examined(photo, claim, conclusion):
    report = stable(photo, GENERATED, CAMERA, claim=claim)  # a flip
    assert report.verdict.conclusion is conclusion
    assert report.stability.original.conclusion is Conclusion.GENERATED
    told = "The scores alone: for a generator. 11 of 12 re-postings agree (1 for a camera)."
    assert report.verdict.words.endswith(told)
    assert "turns" not in report.verdict.words
    same = stable(photo, CAMERA, claim=claim).verdict.words
    assert same.endswith("The scores alone: for a camera. 12 of 12 re-postings agree.")


def test_an_unverified_edit_is_still_told_after_a_flip(photo):
    words = stable(photo, GENERATED, CAMERA, claim=Claim("edited", False, "XMP")).verdict.words
    assert "turns the scores round" in words
    assert "declares generated parts, unverified: XMP" in words


def test_only_what_is_weighed_is_asked_again(photo):
    told, declares = Told(GENERATED), Declares(Claim("captured", False, "EXIF"))
    inspect(photo, [told, declares], CALIBRATION, REPOSTINGS)
    assert (len(told.seen), declares.asked) == (13, 1)


def test_where_nothing_can_be_concluded_no_copy_is_made():
    told, grey = Told(GENERATED), Photo.from_pixels(np.full((40, 40, 3), 127, np.uint8))
    report = inspect(grey, [told], CALIBRATION, REPOSTINGS)
    assert len(told.seen) == 1
    assert report.stability.copies == ()
    assert "no face was found" in report.verdict.words
    assert report.verdict.words.endswith("Re-postings were not tried: they could not change this.")
    jsonschema.validate(json.loads(as_json([report])), schema())
    html = as_html(report)
    assert "Re-postings were not tried" in html
    assert "After re-posting" not in html


def test_ctrl_c_ends_it_between_two_copies(photo):
    class Tired(Told):
        def examine(self, photo: Photo) -> Evidence:
            if len(self.seen) == 3:
                raise KeyboardInterrupt
            return super().examine(photo)

    tired = Tired(GENERATED)
    with pytest.raises(KeyboardInterrupt):
        inspect(photo, [tired], CALIBRATION, REPOSTINGS)
    assert len(tired.seen) == 3


def test_the_record_has_it_where_it_was_asked_for_and_else_not_a_trace(photo, tmp_path):
    plain, more = (inspect(photo, [Told(GENERATED)], CALIBRATION, r) for r in ((), REPOSTINGS))
    records = json.loads(as_json([plain, more]))
    jsonschema.validate(records, schema())
    assert "stability" not in records[0]
    assert "After re-posting" not in as_html(plain)
    found = records[1].pop("stability")
    assert found["agree"] == 12
    assert found["original"] == {"name": "as it came", "log10_lr": 2.0, "conclusion": "supports_generated"}
    assert [copy["name"] for copy in found["copies"]] == [r.name for r in REPOSTINGS]
    records[1]["words"] = records[1]["words"].removesuffix(" 12 of 12 re-postings agree.")
    assert records[0] == records[1]
    (tmp_path / "x.jpg").write_text("text")
    unread = inspect_file(tmp_path / "x.jpg", [Told(OPEN)], CALIBRATION, repostings=REPOSTINGS)
    assert "stability" not in unread.as_dict()


def test_the_page_shows_each_copy_on_the_scale(photo):
    html = as_html(stable(photo, GENERATED, CAMERA, OPEN))
    lanes = re.findall(r'<td class="fx-lane".*?<b class="fx-(\w+)" style="left:([\d.]+)%"', html)
    wanted = [("generator", 2.0), ("camera", -2.0), ("open", 0.3)] + [("generator", 2.0)] * 10
    assert lanes == [(colour, str(position(value))) for colour, value in wanted]
    assert all(reposting.name in html for reposting in REPOSTINGS)


BY_SCORES = [Conclusion.GENERATED, Conclusion.CAMERA, Conclusion.INCONCLUSIVE]
NUMBER = {Conclusion.GENERATED: GENERATED, Conclusion.CAMERA: CAMERA, Conclusion.INCONCLUSIVE: OPEN}


@given(st.sampled_from(BY_SCORES), st.lists(st.sampled_from(BY_SCORES), min_size=1, max_size=12))
def test_the_words_count_every_copy_once_and_accuse_nobody(first, others):
    stability = Stability(Copy("as it came", NUMBER[first], first), tuple(Copy("site", NUMBER[o], o) for o in others))
    both = {first, *others} >= {Conclusion.GENERATED, Conclusion.CAMERA}
    assert bool(stability.flip) == (both and first is not Conclusion.INCONCLUSIVE)
    counted = [int(n) for n in re.findall(r"\d+(?= (?:of|inconclusive|for a))", stability.words)]
    assert sum(counted) == len(others)
    told = stability.told(Verdict(first, NUMBER[first], "So.", ()))
    assert told.conclusion is first
    assert told.words.startswith("So. ")
    assert not re.search(r"\b(fake|authentic|real|genuine|proof|proves)\b", told.words, re.IGNORECASE)
