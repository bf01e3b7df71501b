"""`forensics bench robustness`: what is left of detectors and verdict under JPEG, resizing, re-posting and more."""

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

LIMIT = 60  # photos a folder, each examined sixty times: four folders take two cores a quarter of an hour
SHOWN = "families"  # the table that is printed; all are in the files


def robustness(
    real: Real = None,
    fake: Fake = None,
    dataset: Dataset = None,
    panel: Panel = None,
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="Families or single ones of: jpeg, webp, resize, crop, blur, noise, screenshot, chain, repost, "
            "double; such as jpeg,crop-0.5.  [default: all]",
            show_default=False,
        ),
    ] = None,
    split: Split = "test",
    limit: Annotated[int, typer.Option(min=1, help="At most so many photos of each folder.")] = LIMIT,
    seed: Annotated[int, typer.Option(min=0, help="Of crops, noise, random trips, and bootstrap.")] = 0,
    workers: Workers = None,
    engine: EngineChoice = Engine.LOCAL,
    out: Out = RESULTS,
) -> None:
    """AUC and TPR of each detector and the verdict under each condition, and how often the verdict flips.

    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    Interrupted, the same command goes on: scores are kept in OUT/robustness, a file a condition.
    """
    from benchmarks.robustness import conditions as known
    from benchmarks.robustness.measure import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    wanted, panel = known.chosen(conditions), panel_or_default(panel)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    setup = Setup(reals, fakes, "native", split, limit, seed, sets=sets)
    hands = partial(crew_of, engine)
    with progress("examining") as watch:
        result = measure(
            setup, wanted, partial(load, panel.resolve()), out / "robustness", workers or cores(), watch, hands
        )
    finish(result, out, (SHOWN,))
