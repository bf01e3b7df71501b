"""`forensics bench attacks`: generated pictures, changed so that they pass; what is left of the panel."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from app.commands.bench_photos import (
    RESULTS,
    Dataset,
    Fake,
    Out,
    Panel,
    Real,
    Split,
    Workers,
    chosen,
    finish,
    panel_or_default,
    progress,
)
from app.commands.outputs import check_folder
from app.commands.scan import EngineChoice, load
from forensics.engine import Engine, crew_of

LIMIT = 24  # photos a folder: four real and three generated ones take a quarter of an hour on two cores
SHOWN = ("falls", "verdicts", "quality")  # tables that are printed; all are in the files


def attacks(
    real: Real = None,
    fake: Fake = None,
    dataset: Dataset = None,
    panel: Panel = None,
    split: Split = "test",
    limit: Annotated[int, typer.Option(min=1, help="At most so many photos of each folder.")] = LIMIT,
    seed: Annotated[int, typer.Option(min=0, help="Of attacks, laundering and bootstrap.")] = 0,
    workers: Workers = None,
    engine: EngineChoice = Engine.LOCAL,
    out: Out = RESULTS,
) -> None:
    """How far detectors and verdict fall when pictures are perturbed, or their spectrum or grain is moved.

    Without --real and --fake: the corpora that the detectors were trained from, their test split. What attackers know
    of photos comes from the split "calibration". Interrupted, the same command goes on: answers are kept in OUT.
    """
    from benchmarks.attacks.measure import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    panel = panel_or_default(panel)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    setup = Setup(reals, fakes, "match", split, limit, seed, sets=sets)
    hands = partial(crew_of, engine)
    with progress("attacking") as watch:
        result = measure(setup, partial(load, panel.resolve()), out, workers or cores(), watch, hands)
    finish(result, out, SHOWN)
