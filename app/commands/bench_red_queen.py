"""`forensics bench red-queen`: a generator trained on against detectors, detectors on its pictures, in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.bench_photos import RESULTS, Out, finish, stages
from app.commands.outputs import check_folder


def red_queen(
    real: Annotated[
        list[Path], typer.Option(help="Corpus of photos, framed as the generator's pictures are; may be repeated.")
    ],
    generator: Annotated[str, typer.Option(help="A DCGAN: what ships, a run, an exported file.")] = "dcgan",
    rounds: Annotated[int, typer.Option(help="Rounds; each strategy alone in the first.")] = 3,
    steps: Annotated[int, typer.Option(help="Steps of the forger in a round.")] = 200,
    launder: Annotated[
        str, typer.Option(help="native, match, shrink or repost: before detectors see them")
    ] = "match",
    most: Annotated[int, typer.Option(min=20, help="Pictures, and photos of each domain, to learn from.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Of draws, trainings and bootstrap.")] = 0,
    out: Out = RESULTS,
) -> None:
    """The arms race, measured: how far detectors fall, what retraining brings back, what it costs the pictures.

    Small detectors at the generator's own size; attacks on the panel that ships: `forensics bench attacks`.
    Interrupted, the same command goes on.
    """
    from benchmarks.generalization.grounds import Soil
    from benchmarks.red_queen.race import Rules, measure
    from generators.trained import load

    check_folder(out, "--out")
    trained = load(generator)
    soil = Soil(tuple(real), (), trained.family.size[0], launder, most, seed)
    with stages() as watch:
        result = measure(soil, trained, out, Rules(rounds, steps), watch)
    finish(result, out)
