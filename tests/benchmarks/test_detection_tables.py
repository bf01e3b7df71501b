"""The detection benchmark's tables count what they say, on outcomes written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.detection.beside import PANEL, VERDICT, WHOLE, Entrant
from benchmarks.detection.detector_tables import curves_of
from benchmarks.detection.measure import Outcome, Setup, Shot
from benchmarks.detection.tables import tables
from forensics.metrics import share
from forensics.verdict import Conclusion

SETUP = Setup((), (), rounds=3)
ENTRANTS = (Entrant("classifier", PANEL), Entrant("noise", PANEL), Entrant(VERDICT, WHOLE, threshold=0.0))
CAMERA, GENERATED, NOTHING = Conclusion.CAMERA, Conclusion.GENERATED, Conclusion.INCONCLUSIVE


def outcome(fake: bool, source: str, lr: float | None, said: Conclusion = NOTHING, grey: bool = False, **facts):
    kind = {"face": 200, "face_before": 300, "side": 300, "ita": 40.0, **facts}
    scores = {} if lr is None else {"classifier": lr, "noise": 0.5}
    return Outcome(Shot(Path("x"), "0", fake, source, grey), str(said), lr, scores, **kind)


def table(outcomes, name: str) -> dict:
    curves = curves_of([o for o in outcomes if not o.shot.grey], ENTRANTS, SETUP)
    found = next(t for t in tables(outcomes, ENTRANTS, curves, SETUP) if t.name == name)
    return {row[0]: row[1:] for row in found.rows} | {"": [column.name for column in found.columns]}


@pytest.fixture
def outcomes() -> list[Outcome]:
    """Two domains, of which "web" is as high as the makers; scenes have no face."""
    reals = [outcome(False, "studio", -2.5, CAMERA) for _ in range(12)]
    reals += [outcome(False, "web", 0.5, ita=-5.0) for _ in range(12)]
    reals += [outcome(False, "scenes", 5.0, face=0, face_before=0, ita=None) for _ in range(12)]
    fakes = [outcome(True, "near", 0.5) for _ in range(6)] + [outcome(True, "far", 2.5, GENERATED) for _ in range(6)]
    return [*reals, *fakes, outcome(True, "far", 9.0, face=0)]


def test_generators_are_measured_against_real_faces_only(outcomes):
    rows = table(outcomes, "generators")
    assert rows[""] == ["maker", "AUC, verdict", "AUC, classifier", "worst domain", "AUC there", "with a face"]
    assert rows["far"][0].value == 1.0  # the scenes, higher, have no face
    assert rows["near"][0].value == pytest.approx(0.75)  # above the studio's, even with the web's
    assert rows["near"][0].n == 24 + 6
    assert rows["all"][0].value == pytest.approx(0.875)
    assert (rows["far"][4].value, rows["far"][4].n) == (pytest.approx(6 / 7), 7)


def test_a_silent_panel_counts_as_no_evidence(outcomes):
    silent = [outcome(True, "mute", None) for _ in range(6)]
    rows = table([*outcomes, *silent], "generators")
    assert rows["mute"][0].value == pytest.approx(0.5)  # 0 lies above the studio's and below the web's
    assert rows["mute"][1].n == 24  # the classifier gave no score for them


def test_each_domain_by_itself_shows_where_a_maker_is_not_told(outcomes):
    rows = table([*outcomes, *(outcome(False, "few", 9.0) for _ in range(4))], "domains")
    assert rows[""] == ["maker", "studio", "web"]  # four faces are no domain's figure
    assert [cell.value for cell in rows["near"]] == [1.0, 0.5]
    assert [cell.value for cell in rows["far"]] == [1.0, 1.0]
    worst = table(outcomes, "generators")["near"][2:4]
    assert (worst[0], worst[1].value, worst[1].n) == ("web", 0.5, 18)


def test_subsets(outcomes):
    grey = [outcome(False, "studio", 3.0, GENERATED, grey=True, ita=-50.0, face=400, side=400) for _ in range(10)]
    large = [outcome(False, "web", -2.0, CAMERA, face=256, face_before=512, ita=None) for _ in range(3)]
    rows = table([*outcomes, *grey, *large], "subsets")
    assert rows["studio, grey"][0].value == rows["all, grey"][0].value == 1.0
    assert rows["web, dark skin (ITA < 10°)"][0].n == rows["all, dark skin (ITA < 10°)"][0].n == 12
    assert rows["all, lighter skin (ITA ≥ 10°)"][0].n == 12
    assert rows["all, face ≥ 256 px"][1].n == 3
    assert rows["all, face ≥ 256 px"][1].value == 1.0
    assert "web, face ≥ 256 px" not in rows  # three photos are no domain's figure
    assert rows["all, face ≥ 256 px before laundering"][0].n == 27
    assert rows["all, face in a photo ≥ 256 px"][0].n == 27
    assert table([*outcomes, *grey], "reals") == table(outcomes, "reals")
    assert table([*outcomes, *grey], "verdict").keys() == table(outcomes, "verdict").keys()
    assert table([*outcomes, *grey], "domains") == table(outcomes, "domains")


def test_nothing_in_a_subset_is_told_as_nothing(outcomes):
    empty = table(outcomes, "subsets")["all, grey"][0]
    assert empty.n == 0
    assert str(empty) == "– n=0"


def test_a_claim_of_more_than_100_is_wrong_or_right(outcomes):
    rows = table(outcomes, "verdict")
    claims = rows["wrong, LR > 100"][0]
    assert (claims.value, claims.low, claims.high, claims.n) == (*share(0, 18), 18)
    assert rows["misleading, LR > 100"][0].value == 12 / 31  # the scenes: said of none, as nothing may be concluded
    wrong = [
        outcome(False, "web", 2.5, GENERATED),
        outcome(True, "far", -2.5, CAMERA),
        outcome(True, "far", 1, CAMERA),
    ]
    rows = table([*outcomes, *wrong], "verdict")
    assert rows["wrong, LR > 100"][0].value == 2 / 20
    assert rows["wrong"][0].value == 3 / 21


def test_faces_have_their_own_cllr_and_ece(outcomes):
    rows = table(outcomes, "verdict")
    assert rows["Cllr, faces"][0].n == rows["ECE, faces"][0].n == 36
    assert rows["Cllr"][0].n == 49
    assert rows["Cllr, faces"][0].value < rows["Cllr"][0].value  # which the scenes spoil
    large = [outcome(True, "far", 3.0, GENERATED, face=256), outcome(False, "web", 0.0, face=300)]
    assert table([*outcomes, *large], "verdict")["inconclusive, face ≥ 256 px"][0].value == 0.5


def test_real_photos_said_to_be_edited_are_told(outcomes):
    assert "supports edited" not in table(outcomes, "reals")[""]
    edited = outcome(False, "web", 1.5, Conclusion.EDITED)
    rows = table([*outcomes, edited], "reals")
    assert rows[""][-1] == "supports edited"
    assert rows["web"][-1].value == 1 / 13
    assert "supports edited" not in table([*outcomes, edited], "fakes")[""]
    assert table([*outcomes, edited], "verdict")["wrong"][0].value == 1 / 19
