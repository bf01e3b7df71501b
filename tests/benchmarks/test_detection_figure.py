"""The detection figure draws what the tables say, for everybody that was measured and for nobody else."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.detection.beside import PANEL, PLUGGED, PUBLISHED, VERDICT, WHOLE, Entrant
from benchmarks.detection.curves import GRID
from benchmarks.detection.detector_tables import curves_of, detector_tables
from benchmarks.detection.figure import BEST, MARKS, figure
from benchmarks.detection.measure import Outcome, Setup, Shot
from benchmarks.table import as_png

SETUP = Setup((), (), rounds=20)
WORTH = {"eyes": 0.1, "hair": 0.4, "teeth": 0.8, "pairs": 1.2, "npr": 1.6, "loud": 2.0, "mute": None, "verdict": 2.6}
KINDS = {"npr": PUBLISHED, "loud": PLUGGED, "verdict": WHOLE}
ENTRANTS = tuple(Entrant(name, KINDS.get(name, PANEL), threshold=0.0) for name in WORTH)


def drawn(rng, makers: tuple[str, ...] = ("gan", "vae"), entrants=ENTRANTS):
    outcomes = []
    for i in range(400):
        fake = i % 2 == 1
        scores = {n: float(rng.normal() + worth * fake) for n, worth in WORTH.items() if worth is not None}
        shot = Shot(Path("x"), str(i), fake, makers[i // 2 % len(makers)] if fake else "web")
        outcomes.append(Outcome(shot, "inconclusive", scores.pop("verdict"), scores, 200, 200, 300, None))
    curves = curves_of(outcomes, entrants, SETUP)
    tables = {table.name: table for table in detector_tables(outcomes, entrants, curves, SETUP)}
    return figure(entrants, curves, tables["makers"], "what was measured"), curves, tables


def test_a_curve_for_the_verdict_and_the_best_and_a_dot_for_each(rng):
    made, curves, _ = drawn(rng)
    left, right = made.axes
    legend = [text.get_text() for text in left.get_legend().get_texts()]
    order = sorted((name for name in curves), key=lambda name: -curves[name].auc.value)
    assert legend == [name for name in order if name == VERDICT or name in order[: BEST + 1]]
    assert len(legend) == BEST + 1
    chance, *lines = left.lines
    assert list(chance.get_ydata()) == list(GRID)
    for name, line in zip(legend, lines, strict=True):
        assert list(line.get_ydata()) == list(curves[name].drawn[0])
    assert [label.get_text() for label in right.get_yticklabels()] == order  # the mute one has no row
    dots = [line for line in right.lines if line.get_marker() in MARKS.values()]
    assert [float(dot.get_xdata()[0]) for dot in dots] == [curves[name].auc.value for name in order]
    assert [dot.get_marker() for dot in dots] == [MARKS[KINDS.get(name, PANEL)] for name in order]
    assert [text.get_text() for text in right.texts] == [f"{curves[name].auc.value:.3f}" for name in order]
    assert Image.open(io.BytesIO(as_png(made))).width > 1000


@pytest.mark.parametrize(("makers", "ticks"), [(("gan", "vae"), 2), (("gan",), 0)])
def test_makers_are_ticks_where_there_are_several(rng, makers, ticks):
    made, curves, tables = drawn(rng, makers)
    lines = [line for line in made.axes[1].lines if line.get_marker() == "|"]
    assert [len(line.get_xdata()) for line in lines] == [ticks] * len(curves)
    if ticks:
        row = next(row for row in tables["makers"].rows if row[0] == "verdict")
        assert list(lines[0].get_xdata()) == [cell.value for cell in row[1:-1]]


def test_with_few_and_with_none_it_is_drawn_too(rng):
    made, _, tables = drawn(rng, entrants=ENTRANTS[:1])
    assert made.axes[0].get_title("left") == "ROC of the best detectors"
    assert np.asarray(Image.open(io.BytesIO(as_png(figure((), {}, tables["makers"]))))).std() > 0
