"""Edits: truncation, then another's style, then steps; moves by name; and sheets of what comes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detectors.provenance.declarations import Declarations
from forensics.photo import Photo
from forensics.refusal import Refusal
from generators.latent.direction import Direction
from generators.latent.directions import Directions
from generators.latent.edit import Edit, Move, edited, mixing_of, moved, sweep
from generators.latent.points import Point
from generators.latent.sheet import check_sheet, inscribed, sheet, write

POINT, OTHER = Point("seed 2", 2), Point("seed 9", 9)
TURN = Direction("turn", torch.eye(8)[0], 2.0)
SMILE = Direction("smile", torch.eye(8)[1], 0.5, (1, 3))


@pytest.fixture(scope="module")
def known(space) -> Directions:
    return Directions(space, [TURN, SMILE])


def test_without_an_edit_it_is_the_own_picture(each):
    assert np.array_equal(each.of_w(edited(each, POINT, Edit(), Directions(each))), each.trained.picture(2))
    truncated = edited(each, POINT, Edit(0.6), Directions(each))
    assert np.array_equal(each.of_w(truncated), each.trained.picture(2, 0.6))


def test_a_strength_is_so_many_deviations_along_the_direction(space, known):
    w = space.w(POINT)
    assert torch.allclose(moved(w, Move("turn", -1.5), known) - w, -3.0 * TURN.vector.expand(6, -1), atol=1e-6)
    assert torch.equal(moved(w, Move("turn", 0), known), w)


@pytest.mark.parametrize(("move", "layers"), [(Move("smile", 2), {1, 3}), (Move("smile", 2, (0, 5)), {0, 5})])
def test_only_the_chosen_layers_move(space, known, move, layers):
    w = space.w(POINT)
    after = moved(w, move, known)
    for layer in range(6):
        step = SMILE.vector if layer in layers else 0 * SMILE.vector
        assert torch.allclose(after[layer] - w[layer], step, atol=1e-6)


def test_truncation_comes_first_then_the_style_then_the_steps(space, known):
    edit = Edit(0.5, OTHER, (4, 5), (Move("turn", 1), Move("smile", -2)))
    by_hand = space.w(POINT, 0.5)
    by_hand[4:] = space.w(OTHER, 0.5)[4:]
    by_hand[:, 0] += 2
    by_hand[[1, 3], 1] -= 1
    assert torch.allclose(edited(space, POINT, edit, known), by_hand, atol=1e-6)
    saved = Point("face", w=space.w(POINT, 0.5))
    assert torch.equal(edited(space, saved, edit, known), edited(space, POINT, edit, known))


def test_a_sweep_is_one_more_move_at_each_strength(space, known):
    edit = Edit(0.7, moves=(Move("turn", 1),))
    seen = list(sweep(space, POINT, edit, Move("smile", 0, (2,)), [-2.0, 0.0, 2.0], known))
    for strength, picture in zip([-2.0, 0.0, 2.0], seen, strict=True):
        both = replace(edit, moves=(*edit.moves, Move("smile", strength, (2,))))
        assert np.array_equal(picture, space.of_w(edited(space, POINT, both, known)))
    assert np.array_equal(seen[1], space.of_w(edited(space, POINT, edit, known)))


def test_a_sweep_that_cannot_be_is_refused_before_its_first_picture(space, known):
    for along, strengths, says in (
        (Move("frown", 0), [0.0, 1.0], "no direction 'frown'"),
        (Move("turn", 0), [0.0, 99.0], "strengths are -20 to 20"),
    ):
        with pytest.raises(Refusal, match=says):
            sweep(space, POINT, Edit(), along, strengths, known)


def test_moves_are_read_from_words():
    assert Move.of("pca-0=2", 6) == Move("pca-0", 2.0)
    assert Move.of("Turn left@0-2,5=-1.5", 6) == Move("Turn left", -1.5, (0, 1, 2, 5))
    assert Move.of(" smile @coarse= +.5 ", 6) == Move("smile", 0.5, (0, 1, 2, 3))


@given(st.text("abc-_. 012", min_size=1, max_size=9).filter(str.strip), st.floats(-20, 20).map(lambda s: round(s, 3)))
def test_every_name_and_strength_can_be_said(name, strength):
    assert Move.of(f"{name}={strength:.3f}", 6) == Move(name.strip(), strength)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("pca-0", "give NAME=STRENGTH"),
        ("=2", "give NAME=STRENGTH"),
        ("pca-0=", "give NAME=STRENGTH"),
        ("pca-0=much", "give NAME=STRENGTH"),
        ("pca-0=nan", "give NAME=STRENGTH"),
        ("pca-0=1.2.3", "give NAME=STRENGTH"),
        ("pca-0@=1", "give NAME=STRENGTH"),
        ("a@1@2=1", "layers '1@2'"),
        ("pca-0=20.5", "pca-0=20.5: strengths are -20 to 20"),
        ("pca-0=" + "9" * 400, "strengths are"),
        ("pca-0@6=1", "this generator has 0 to 5"),
        ("pca-0@nose=1", "coarse, middle, fine"),
    ],
)
def test_moves_that_make_no_sense_are_refused(word, says):
    with pytest.raises(Refusal, match=says):
        Move.of(word, 6)


def test_whose_style_and_where_is_read_from_a_word(space, tmp_path):
    assert mixing_of("12@4-5", 6)[1] == (4, 5)
    assert mixing_of("12@4-5", 6)[0].seed == 12
    (tmp_path / "a@b").mkdir()
    np.savez(tmp_path / "a@b" / "w.npz", w=np.zeros((1, 6, 8), np.float32))
    point, layers = mixing_of(f"{tmp_path}/a@b/w.npz@coarse", 6)
    assert (point.name, layers) == ("w", (0, 1, 2, 3))
    for word, says in (
        ("12", "give POINT@LAYERS"),
        ("0-1@2", "2 points"),
        ("12@9", "0 to 5"),
        ("@2", "no such file"),
    ):
        with pytest.raises(Refusal, match=says):
            mixing_of(word, 6)


def test_a_picture_that_is_not_finite_is_no_strength():
    for strength in (float("nan"), float("inf"), 21.0):
        with pytest.raises(Refusal, match="strengths are"):
            Move("turn", strength)


# ---- sheets ----


def flat(grey: int, channels: int = 3, high: int = 16, wide: int = 12) -> np.ndarray:
    return np.full((high, wide, channels), grey, np.uint8)


def test_a_sheet_has_each_picture_whole_in_its_place():
    rows = [[None, flat(10)], [flat(20), flat(30, 1)]]
    page = sheet(rows, scale=2)
    assert page.shape == (2 * (32 + 4), 2 * (24 + 4), 3)
    assert (page[:32, 28:52] == 10).all()
    assert (page[36:68, :24] == 20).all()
    assert (page[36:68, 28:52] == 30).all()
    assert (page[:32, :24] == 255).all()  # the empty place
    assert sheet([[flat(0)]]).shape == (128 + 4, 96 + 4, 3)


def test_a_sheet_that_we_could_not_open_ourselves_is_refused():
    check_sheet(10, 10, (1024, 1024))
    check_sheet(60, 60, (16, 16))
    for rows, columns, picture, scale in (
        (11, 11, (1024, 1024), None),
        (10, 10, (64, 64), 40),
        (1000, 200, (8, 8), 4),
    ):
        with pytest.raises(Refusal, match="megapixels, at most 120 are written"):
            check_sheet(rows, columns, picture, scale)
    for scale in (0, -1, 65):
        with pytest.raises(Refusal, match="scale"):
            check_sheet(1, 1, (8, 8), scale)


def test_words_stand_beside_the_pictures_and_never_on_them():
    rows = [[flat(200), flat(200)], [flat(200), flat(200)]]
    page = sheet(rows, ["a long name of a row, ψ σ", "b"], ["+1 σ", "and a column's"], scale=4)
    plain = sheet(rows, scale=4)
    high, wide = plain.shape[:2]
    assert page.shape[0] > high
    assert page.shape[1] > wide
    assert np.array_equal(page[-high:, -wide:], plain)
    assert (page[:-high] < 128).any()
    assert (page[-high:, :-wide] < 128).any()
    broken = sheet(rows, ["a file\nname", "\ud800"], scale=4)  # as file names may be
    assert broken.shape[2] == 3


def test_a_sheet_that_was_written_is_read_as_generated_by_our_own_detectors(tmp_path):
    write(sheet([[flat(90)]], ["seed 1"]), tmp_path / "deep" / "sheet.png", "deepfake-forensics 0 tiny")
    photo = Photo.open(tmp_path / "deep" / "sheet.png")
    evidence = Declarations.load(None).examine(photo)
    assert (evidence.claim.says, evidence.claim.verified) == ("generated", False)
    assert "trainedAlgorithmicMedia" in evidence.finding
    assert photo.text["Software"] == "deepfake-forensics 0 tiny"
    assert np.array_equal(photo.pixels, sheet([[flat(90)]], ["seed 1"]))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sheet.png"]


def test_a_word_is_inscribed_at_the_lower_edge():
    picture = flat(90, 1, 256, 256)
    seen = inscribed(picture, "seed 12")
    assert seen.shape == (256, 256, 3)
    assert (seen[:220] == 90).all()
    assert (seen[230:] == 255).any()
    assert not np.array_equal(seen, inscribed(picture, "seed 13"))
