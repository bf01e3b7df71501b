"""`forensics bench calibration`: whether the verdict's numbers mean what they say, and what its words are worth."""

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

SHOWN = ("calibration", "priors", "words")  # tables that are printed; all are in the files


def calibration(
    real: Real = None,
    fake: Fake = None,
    dataset: Dataset = None,
    panel: Panel = None,
    launder: Annotated[
        str | None, typer.Option(help="As in `forensics bench detection`.  [default: repost, with --match: match]")
    ] = None,
    match: Annotated[
        bool, typer.Option("--match", help="As in `forensics bench detection`.", show_default=False)
    ] = False,
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos of each folder.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of laundering and bootstrap.")] = 0,
    workers: Workers = None,
    engine: EngineChoice = Engine.LOCAL,
    out: Out = RESULTS,
) -> None:
    """Cllr and what of it is lost, reliability, errors at priors of 50 %, 10 % and 1 %, with 95 % intervals.

    Of the photos of `forensics bench detection`: with the same options and the same OUT, none is examined again.
    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    """
    from benchmarks.calibration.measure import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    panel = panel_or_default(panel)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    launder = launder or ("match" if match else "repost")
    setup = Setup(reals, fakes, launder, split, limit, seed, sets=sets, match=match)
    hands = partial(crew_of, engine)
    with progress("scoring") as watch:
        result = measure(setup, partial(load, panel.resolve()), out, workers or cores(), watch, hands)
    finish(result, out, SHOWN)
