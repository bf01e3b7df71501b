"""Can you tell? What is dealt, who was right, and that nothing tells the answer before the guess."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import resources
from app.game import forgers, photos
from app.game.dealing import Question, Sight, deal
from app.game.opinions import TOGETHER, guesses
from app.game.playing import Game
from app.game.tally import PLAYER, Count, scores
from forensics.evidence import Evidence
from forensics.refusal import Refusal
from forensics.verdict import Conclusion, Verdict, Weighed

FAMILIES = ("vae", "gan", "dcgan")
numbers = st.integers(0, 2**31)


@given(numbers, st.integers(0, 30), st.integers(1, 20))
def test_pairs_hold_one_of_each_and_nothing_comes_twice(number, at_hand, length):
    dealt = deal(number, at_hand, FAMILIES, length, pairs=True)
    assert len(dealt) == min(length, at_hand)
    for question in dealt:
        assert sorted(sight.generated for sight in question.sights) == [False, True]
        assert len({sight.family for sight in question.sights}) == 1  # both have one size
        assert question.sights[question.answer].generated
    sights = [sight for question in dealt for sight in question.sights]
    assert len({s.photo for s in sights if not s.generated}) == len({s.seed for s in sights if s.generated})
    assert len({s.seed for s in sights if s.generated}) == len(dealt)


@given(numbers, st.integers(0, 30), st.integers(1, 20))
def test_single_pictures_use_no_photo_and_no_seed_twice(number, at_hand, length):
    dealt = deal(number, at_hand, FAMILIES, length, pairs=False)
    assert len(dealt) == length
    used = [s.photo for q in dealt for s in q.sights if not s.generated]
    seeds = [s.seed for q in dealt for s in q.sights if s.generated]
    assert len(set(used)) == len(used) <= at_hand
    assert len(set(seeds)) == len(seeds)
    assert all((q.answer is None) == (q.family is None) for q in dealt)


def test_a_number_deals_one_round_and_another_number_another():
    assert deal(7, 9, FAMILIES, 9, True) == deal(7, 9, FAMILIES, 9, True)
    assert deal(7, 9, FAMILIES, 9, True) != deal(8, 9, FAMILIES, 9, True)


def test_order_and_number_of_photos_are_chance():
    """Neither the side nor, where photos abound, the class can be foreseen."""
    pairs = [q.answer for n in range(60) for q in deal(n, 8, FAMILIES, 8, True)]
    assert 0.42 < np.mean(pairs) < 0.58
    single = [q.answer is None for n in range(60) for q in deal(n, 20, FAMILIES, 8, False)]
    assert 0.42 < np.mean(single) < 0.58
    places = {[q.answer for q in deal(n, 1, FAMILIES, 4, False)].index(None) for n in range(60) if has_photo(n)}
    assert places == {0, 1, 2, 3}


def has_photo(number: int) -> bool:
    return any(q.answer is None for q in deal(number, 1, FAMILIES, 4, False))


def test_all_families_come_before_any_comes_again():
    dealt = deal(3, 8, FAMILIES, 6, True)
    assert {q.family for q in dealt[:3]} == {q.family for q in dealt[3:]} == set(FAMILIES)


def verdict(log10_lr: float | None, **told: tuple[float | None, float | None]) -> Verdict:
    weighed = tuple(Weighed(Evidence(name, score, ""), part) for name, (score, part) in told.items())
    return Verdict(Conclusion.INCONCLUSIVE, log10_lr, "", weighed)


def test_of_two_pictures_a_detector_takes_the_higher_score():
    first = verdict(0.5, eyes=(1.0, None), noise=(2.0, 0.5), hair=(None, None), ears=(1.0, 0.0))
    second = verdict(0.7, eyes=(0.5, None), noise=(3.0, 0.7), hair=(4.0, 0.2), ears=(1.0, 0.0))
    assert guesses([first, second]) == {"eyes": 0, "noise": 1, TOGETHER: 1}  # hair and ears cannot tell


def test_of_one_picture_a_detector_goes_by_its_weighed_part():
    told = guesses([verdict(-0.3, eyes=(9.0, None), noise=(2.0, 0.5), hair=(1.0, -0.8), ears=(1.0, 0.0))])
    assert told == {"noise": 0, "hair": None, TOGETHER: None}
    assert guesses([verdict(None, eyes=(None, None))]) == {}


def test_scores_count_the_answered_questions_by_family():
    asked = (
        Question((Sight("vae", seed=1), Sight("vae", photo=0))),
        Question((Sight("gan", photo=1), Sight("gan", seed=2))),
        Question((Sight("gan", photo=2),)),
        Question((Sight("gan", seed=3),)),
    )
    player, noise = scores(asked, [{PLAYER: 0, "noise": 1}, {PLAYER: 0}, {PLAYER: None, "noise": None}])
    assert (player.who, player.all) == (PLAYER, Count(2, 3))
    assert player.by == {"vae": Count(1, 1), "gan": Count(0, 1), None: Count(1, 1)}
    assert noise.all == Count(1, 2)
    value, low, high = player.all.share
    assert (value, round(low, 3), round(high, 3)) == (pytest.approx(2 / 3), 0.208, 0.939)  # Wilson's, 2 of 3


def test_real_faces_are_cut_at_each_size_as_the_generators_learnt_them(portrait_file):
    hand = photos.of_dependencies((32, 64))
    assert hand.looked_at == 3
    [face] = hand.faces  # what ships with our dependencies holds one face
    assert face.name == portrait_file.name
    assert {size: cut.shape for size, cut in face.cuts.items()} == {32: (32, 32, 3), 64: (64, 64, 3)}


def test_a_folder_of_photos_gives_each_face_once(tmp_path, portrait_file, scene_file):
    for name in ("a.jpg", "copy.jpg"):
        (tmp_path / name).write_bytes(portrait_file.read_bytes())
    (tmp_path / "scene.jpg").write_bytes(scene_file.read_bytes())
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    Image.open(portrait_file).crop((200, 60, 420, 320)).save(tmp_path / "cut off.png")
    Image.open(portrait_file).resize((77, 90)).save(tmp_path / "small.png")
    hand = photos.of_folder(tmp_path, (32, 64), number=1)
    assert len(hand.faces) == 1
    assert hand.looked_at == 6


def test_a_folder_without_faces_is_refused_in_one_line(tmp_path, scene_file):
    with pytest.raises(Refusal, match="no pictures"):
        photos.of_folder(tmp_path, (64,), 1)
    (tmp_path / "scene.jpg").write_bytes(scene_file.read_bytes())
    with pytest.raises(Refusal, match="no face in 1 photos"):
        photos.of_folder(tmp_path, (64,), 1)
    with pytest.raises(Refusal, match="does not exist"):
        photos.of_folder(tmp_path / "none", (64,), 1)


def test_all_eight_families_draw_by_seed():
    assert len(forgers.families()) == 8
    for family in forgers.families():
        drawn = forgers.picture(family, 5)
        assert drawn.shape == (forgers.side(family),) * 2 + (3,)
        assert np.array_equal(drawn, forgers.picture(family, 5))


def show_guess():
    from app.views import guess

    guess.page()


def opened() -> AppTest:
    page = AppTest.from_function(show_guess, default_timeout=60).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html") if not html.proto.body.startswith("<style>"))


def click(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception
    return page


def playing(*questions: Question, hand: photos.Hand | None = None) -> AppTest:
    """The page in the middle of a game that was dealt elsewhere."""
    page = opened()
    page.session_state["guess"] = Game(1, hand or hand_of(9), questions)
    page.run()
    assert not page.exception
    return page


def hand_of(grey: int) -> photos.Hand:
    cuts = {side: np.full((side, side, 3), grey, np.uint8) for side in (32, 64)}
    return photos.Hand((photos.RealFace("secret-name.jpg", cuts),) * 3, 3)


PAIR = Question((Sight("dcgan", seed=4), Sight("dcgan", photo=0)))


def sent(page: AppTest) -> str:
    """All that the browser gets, but for which of the equal elements it is."""
    return "\n".join(str(element.proto) for element in page.main if hasattr(element, "proto"))


@pytest.mark.parametrize("single", [False, True])
def test_nothing_sent_before_the_guess_depends_on_the_answer(glance, monkeypatch, single):
    """With the pictures alike, both answers give the same bytes: no name, key, alternative text or order tells."""
    monkeypatch.setattr(forgers, "picture", lambda family, seed: np.full((64, 64, 3), 9, np.uint8))
    one, other = (PAIR, Question(PAIR.sights[::-1]))
    if single:
        one, other = Question(PAIR.sights[:1]), Question(PAIR.sights[1:])
    first, second = sent(playing(one)), sent(playing(other))
    assert "data:image/png" in first
    assert ("A generator made it" if single else "B, the right one") in first
    assert first == second
    assert not re.search("secret-name|dcgan|seed", first)
    assert glance.asked == 0


def test_the_pictures_files_differ_in_pixels_only(glance, portrait_file):
    """Both classes: one kind of PNG, of one size, with nothing else in it."""
    game = Game(1, photos.of_dependencies((32, 64)), (PAIR,))
    kinds = []
    for sight in PAIR.sights:
        data = base64.b64decode(game.picture(sight, "x").uri.partition(",")[2])
        image = Image.open(io.BytesIO(data))
        chunks = [data[m.start() - 4 : m.start()] for m in re.finditer(b"tEXt|iTXt|eXIf|iCCP|gAMA|pHYs|tIME", data)]
        kinds.append((image.format, image.mode, image.size, image.info, chunks))
        assert np.array_equal(np.asarray(image), game.pixels(sight))
    assert kinds[0] == kinds[1] == ("PNG", "RGB", (64, 64), {}, [])


def test_a_guess_is_followed_by_what_it_was_and_what_the_detectors_say(glance):
    page = click(playing(PAIR, Question(PAIR.sights[::-1])), "B, the right one")
    shown = words(page)
    assert "Not this time." in shown
    assert "Generated by dcgan, seed 4" in shown
    assert "A photo: secret-name.jpg" in shown
    assert "Is it bright?" in shown  # its evidence
    assert "Right: glance, all together (weighed)." in shown  # the fake is brighter than the photo
    assert glance.asked == 2
    page = click(click(page, "Next"), "B, the right one")
    assert "Right." in words(page)
    page = click(page, "To the score")
    shown = words(page)
    assert "1/2 = 0.50" in shown
    assert "2/2 = 1.00 (0.34–1.00)" in shown  # glance's, by Wilson
    assert page.button[0].label == "Play another round"
    assert "guess" not in click(page, "Play another round").session_state


def test_a_second_guess_at_the_same_question_counts_for_nothing():
    game = Game(1, hand_of(9), (PAIR,)).answered(0, {})
    assert game.answered(1, {}) == game
    assert game.turned().over
    assert Game(1, hand_of(9), (PAIR,)).turned().on_screen == 0


def test_the_round_without_a_folder_says_how_few_photos_there_are(glance):
    page = opened()
    assert any("hold 1 usable face" in caption.value for caption in page.caption)
    page = click(page, "Deal a round")
    assert "1 of 9 · usable faces: 1, photos looked at: 3" in words(page)
    assert [b.label for b in page.button] == ["A camera took it", "A generator made it"]
    for i in range(9):
        page = click(click(page, "A generator made it"), "Next" if i < 8 else "To the score")
    assert re.search(r"[89]/9 = ", words(page))
    assert "only 1 photo at hand" in words(page)


def test_a_folder_of_ones_own_is_played_in_pairs(glance, tmp_path, portrait_file):
    (tmp_path / "me <b>.jpg").write_bytes(portrait_file.read_bytes())
    page = opened()
    page.text_input(key="guess-folder").set_value(str(tmp_path)).run()
    page = click(page, "Deal a round")
    assert "me <b>" not in words(page)
    assert "me &lt;b&gt;" not in words(page)
    page = click(page, "A, the left one")
    assert "A photo: me &lt;b&gt;.jpg" in words(page)


def test_a_folder_that_will_not_do_is_told_in_one_line(glance, tmp_path):
    page = opened()
    page.text_input(key="guess-folder").set_value(str(tmp_path / "none")).run()
    page = click(page, "Deal a round")
    assert "No round could be dealt" in words(page)
    assert "does not exist" in words(page)


def test_without_detectors_one_plays_alone(monkeypatch):
    def missing():
        raise Refusal("weights/x.safetensors is missing; run `make weights`")

    monkeypatch.setattr(resources, "engine", missing)
    page = click(playing(PAIR), "A, the left one")
    assert "run `make weights`" in words(page)
    assert "1/1 = 1.00" in words(click(page, "To the score"))


def test_at_32_pixels_no_detector_says_anything():
    """With the real panel: said as it is, not hidden."""
    page = click(playing(Question((Sight("vae", seed=4),))), "A generator made it")
    assert "At 32 px none of our detectors can say anything" in words(page)
    assert "Silent on all of these pictures: spectrum, dct" in words(click(page, "To the score"))


def test_without_generators_it_is_said_what_to_do(tmp_path, monkeypatch):
    from app.views import guess
    from forensics import places

    monkeypatch.setattr(places, "GENERATOR_WEIGHTS", tmp_path)
    monkeypatch.setattr(forgers, "families", forgers.families.__wrapped__)
    guess.built_in.clear()
    assert "run `make weights`" in words(opened())


@pytest.mark.parametrize("path", ["~nobody-of-that-name/x", "\0", " relative ", "![x](http://evil.example/x.png)"])
def test_odd_paths_are_refused_in_one_line(glance, path):
    page = opened()
    page.text_input(key="guess-folder").set_value(path).run()
    page = click(page, "Deal a round")
    assert "No round could be dealt" in words(page)
    assert not [e for e in page.markdown if "evil.example" in e.value]
