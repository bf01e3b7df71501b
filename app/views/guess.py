"""Can you tell? The imitation game: guess, see what gave it away, and who was right how often."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app import drawing, parts, resources
from app.game import forgers, photos
from app.game.dealing import Question, Sight
from app.game.opinions import TOGETHER, Guess, guesses
from app.game.photos import Hand
from app.game.playing import Game, sides
from app.game.tally import PLAYER, Score
from app.words import say
from forensics.refusal import Refusal
from forensics.shown import Item, Picture, page_of

SESSION = "guess"  # the session's key of the game
FOLDER = "guess-own"  # of the visitor's photos
TOLD = "guess-told"  # and of what the detectors said of the question on screen
SINGLES = 9  # questions of a round: with the one photo that ships, a picture of each generator
PAIRS = 16
MOST_SHOWN = 3  # detectors whose evidence is shown
LETTERS = "AB"
MOST_NUMBER = 10**6

Seen = tuple[Picture, bool, str]  # the picture, whether it was generated, what it is


@dataclass(frozen=True)
class Row:
    """A line of the table of scores."""

    name: str
    score: Score


def page() -> None:
    parts.draw("guess", "style")
    st.title(say("guess.title"), anchor=False)
    try:
        show(st.session_state.get(SESSION))
    except Refusal as refusal:  # weights that are missing or broken
        drawing.notice(say("guess.cannot"), str(refusal))


def show(game: Game | None) -> None:
    """The beginning, a question, or the score."""
    if game is None:
        st.write(say("guess.about"))
        st.caption(say("guess.alike"))
        begin()
    elif game.over:
        finished(game)
    else:
        ask(game)


def begin() -> None:
    """What one plays with, and a button."""
    own = st.text_input(say("guess.folder"), help=say("guess.folder_help"), key="guess-folder").strip()
    left, right = st.columns(2)
    kinds = {True: say("guess.pairs"), False: say("guess.singles")}
    pairs = left.radio(
        say("guess.kind"), list(kinds), format_func=kinds.__getitem__, key="guess-kind", disabled=not own
    )
    number = right.number_input(
        say("guess.number"), 1, MOST_NUMBER, help=say("guess.number_help"), key="guess-number"
    )
    if not own:
        st.caption(say("guess.built_in_few", length=SINGLES, **counted(built_in())))
    if not st.button(say("guess.start"), type="primary", key="guess-start"):
        return
    try:
        hand = chosen(own, int(number)) if own else built_in()
    except Refusal as refusal:
        drawing.notice(say("guess.cannot"), str(refusal))
        return
    pairs = bool(own and pairs)
    st.session_state[FOLDER] = own
    st.session_state[SESSION] = Game.dealt(int(number), hand, PAIRS if pairs or own else SINGLES, pairs)
    st.rerun()


@st.cache_resource(show_spinner=False)
def built_in() -> Hand:
    return photos.of_dependencies(sides(forgers.families()))


def chosen(folder: str, number: int) -> Hand:
    """The visitor's own faces. Raises Refusal where there are none."""
    bar = st.progress(0.0, say("guess.dealing"))
    try:
        return photos.of_folder(
            Path(os.path.expanduser(folder)), sides(forgers.families()), number, lambda share: bar.progress(share)
        )
    finally:
        bar.empty()


def counted(hand: Hand) -> dict[str, int]:
    return {"faces": len(hand.faces), "looked_at": hand.looked_at}


def ask(game: Game) -> None:
    total = len(game.questions)
    place = say("guess.progress", number=game.on_screen + 1, total=total)
    parts.draw("guess", "steps", game.on_screen, total, f"{place} · {say('guess.at_hand', **counted(game.hand))}")
    question = game.question
    single = len(question.sights) == 1
    st.subheader(say("guess.what") if single else say("guess.which"), anchor=False)
    if game.revealed:
        reveal(game)
        return
    parts.draw("guess", "hidden", [game.picture(sight, name) for sight, name in named(question)])
    options: list[tuple[str, Guess]] = [(say("guess.left"), 0), (say("guess.right"), 1)]
    if single:
        options = [(say("guess.camera"), None), (say("guess.generator"), 0)]
    with st.container(horizontal=True):
        for place, (label, guess) in enumerate(options):
            if st.button(label, key=f"guess-{game.on_screen}-{place}"):
                decide(game, guess)


def named(question: Question) -> list[tuple[Sight, str]]:
    return [(sight, say("guess.letter", letter=LETTERS[i])) for i, sight in enumerate(question.sights)]


def decide(game: Game, guess: Guess) -> None:
    """Keep the answer; ask the detectors about the same pictures."""
    told, others = [], {}
    try:
        engine = resources.engine()
        with st.spinner(say("guess.examining")):
            reports = [engine.inspect(name, game.file(sight)) for sight, name in named(game.question)]
        others = guesses([report.verdict for report in reports])
        told = [page_of(report).items for report in reports]
    except Refusal as refusal:
        told = str(refusal)
    st.session_state[TOLD] = told
    st.session_state[SESSION] = game.answered(guess, others)
    st.rerun()


def reveal(game: Game) -> None:
    question, told = game.question, st.session_state[TOLD]
    right = game.guess == question.answer
    parts.draw("guess", "revealed", seen(game, question), say("guess.correct") if right else say("guess.wrong"))
    last = game.on_screen + 1 == len(game.questions)
    if st.button(say("guess.finish") if last else say("guess.next"), type="primary", key=f"next-{game.on_screen}"):
        st.session_state[SESSION] = game.turned()
        st.rerun()
    st.subheader(say("guess.gave_away"), anchor=False)
    eye = say(f"guess.eye_{question.family}") if question.family else say("guess.eye_photo")
    parts.draw("guess", "said", say("guess.eye"), [eye])
    if isinstance(told, str):
        drawing.notice(say("guess.no_detectors"), told)
        return
    spoke = speaking(told[question.answer or 0])
    side = game.pixels(question.sights[0]).shape[0]
    lines = [said_by(game), say("guess.small")] if spoke else [say("guess.silent", side=side)]
    parts.draw("guess", "said", say("guess.detectors"), lines)
    for item in spoke[:MOST_SHOWN]:
        drawing.evidence(item)


def seen(game: Game, question: Question) -> list[Seen]:
    return [(game.picture(sight, name), sight.generated, what(game, sight)) for sight, name in named(question)]


def what(game: Game, sight: Sight) -> str:
    if sight.generated:
        return say("guess.made_by", family=sight.family, seed=sight.seed)
    return say("guess.taken", name=game.name(sight))


def speaking(items: Sequence[Item]) -> list[Item]:
    """Those that weigh something, the strongest first."""
    return [item for item in items if item.part]


def said_by(game: Game) -> str:
    """Who of the detectors was right."""
    its = {name: guess for name, guess in game.answers[game.on_screen].items() if name != PLAYER}
    right = [name_of(name) for name, guess in its.items() if guess == game.question.answer]
    wrong = [name_of(name) for name, guess in its.items() if guess != game.question.answer]
    nobody = say("guess.nobody")
    return say("guess.guesses", right=", ".join(right) or nobody, wrong=", ".join(wrong) or nobody)


def name_of(who: str) -> str:
    return {PLAYER: say("guess.you"), TOGETHER: say("guess.together")}.get(who, who)


def finished(game: Game) -> None:
    st.subheader(say("guess.score"), anchor=False)
    st.write(say("guess.score_about"))
    met = {question.family for question in game.questions}
    families = [(name, name) for name in forgers.families() if name in met]
    families += [(None, say("guess.photos"))] if None in met else []
    rows = [Row(name_of(score.who), score) for score in game.scores]
    parts.draw("guess", "score", rows, families, list(notes(game)))
    if st.button(say("guess.again"), type="primary", key="guess-again"):
        again(game)
    st.subheader(say("guess.all_pictures"), anchor=False)
    answered = zip(game.questions, game.answers, strict=True)
    parts.draw("guess", "sheet", [(seen(game, q), answers[PLAYER] == q.answer) for q, answers in answered])


def again(game: Game) -> None:
    """Back to the beginning, with the same photos and the next number."""
    del st.session_state[SESSION]
    st.session_state["guess-folder"] = st.session_state.get(FOLDER, "")
    st.session_state["guess-number"] = game.number % MOST_NUMBER + 1
    st.rerun()


def notes(game: Game) -> list[str]:
    found = [say("guess.chance")]
    silent = [name for name in scoring() if name not in {score.who for score in game.scores}]
    if silent:
        found.append(say("guess.never", names=", ".join(silent)))
    if len(game.hand.faces) < 2:
        found.append(say("guess.few_reals", faces=len(game.hand.faces)))
    return found


def scoring() -> list[str]:
    """Names of the detectors that can score."""
    try:
        return [detector.name for detector in resources.engine().panel if detector.scores]
    except Refusal:
        return []
