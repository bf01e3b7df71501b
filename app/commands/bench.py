"""`forensics bench`: measures, each with its own table. Without a name it lists them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.commands.bench_attacks import attacks
from app.commands.bench_calibration import calibration
from app.commands.bench_fidelity import fidelity
from app.commands.bench_generalization import generalization
from app.commands.bench_kernels import kernels
from app.commands.bench_photos import (
    RESULTS,
    Dataset,
    Detectors,
    Fake,
    Out,
    Panel,
    Published,
    Real,
    Split,
    Workers,
    chosen,
    finish,
    panel_or_default,
    progress,
    wanted,
)
from app.commands.bench_red_queen import red_queen
from app.commands.bench_robustness import robustness
from app.commands.outputs import check_folder
from app.commands.scan import EngineChoice, load
from forensics.engine import Engine, crew_of
from forensics.places import DETECTOR_WEIGHTS

group = typer.Typer(help="Measure detectors, verdicts and speed.", invoke_without_command=True)

PanelFolder = Annotated[Path, typer.Option("--panel", help="Folder with detector weights and their calibration.")]
SHOWN = (  # tables of `detection` that are printed; all are in the files
    "detectors thresholds verdict generators domains reals subsets fakes leakage".split()
)


@group.callback()
def bench(context: typer.Context) -> None:
    """Measure detectors, verdicts and speed. Alone: the list of benchmarks."""
    if context.invoked_subcommand is None:
        from benchmarks import BENCHMARKS

        for benchmark in BENCHMARKS:
            Console().print(f"[bold]forensics bench {benchmark.name}[/]: {benchmark.question}", highlight=False)


@group.command()
def detection(
    real: Real = None,
    fake: Fake = None,
    dataset: Dataset = None,
    panel: Panel = None,
    launder: Annotated[
        str | None,
        typer.Option(
            help="native: pixels as they are; match: encoded once at their size; shrink: shorter side to 224 px, "
            "encoded once; repost: one trip through a site.  [default: repost]"
        ),
    ] = None,
    match: Annotated[
        bool,
        typer.Option(
            "--match", help="Bring both classes to the same shapes first, then encode once.", show_default=False
        ),
    ] = False,
    split: Split = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos of each folder.")] = None,
    grey: Annotated[
        int, typer.Option(min=0, help="Real photos of each domain that are examined once more, without colour.")
    ] = 200,
    detectors: Detectors = None,
    published: Published = None,
    seed: Annotated[int, typer.Option(min=0, help="Of laundering and bootstrap.")] = 0,
    workers: Workers = None,
    engine: EngineChoice = Engine.LOCAL,
    out: Out = RESULTS,
) -> None:
    """How well detectors and verdict tell generated pictures from photos, with 95 % intervals.

    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    Beside the panel, and no part of its verdict: published detectors whose weights are there, and plug-ins of other
    packages (entry points forensics.detectors).
    Interrupted, the same command goes on: scores are kept in OUT, and what is new alone is computed.
    """
    from benchmarks.detection.measure import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    panel = panel_or_default(panel)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    whose = wanted(detectors, published)
    launder = launder or ("match" if match else "repost")
    setup = Setup(reals, fakes, launder, split, limit, seed, grey=grey, sets=sets, match=match)
    with progress("scoring") as watch:
        hands = partial(crew_of, engine)
        result = measure(setup, partial(load, panel.resolve()), out, workers or cores(), watch, whose, hands)
    finish(result, out, SHOWN)


@group.command()
def throughput(
    photos: Annotated[int, typer.Option(min=1, help="How many photos the panel is timed with.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="For each figure of a generator, about.")] = 2.0,
    only: Annotated[str | None, typer.Option(help="panel or generators", show_default="both")] = None,
    device: Annotated[str, typer.Option(help="Of the generators: auto, cpu or cuda")] = "cpu",
    panel: PanelFolder = DETECTOR_WEIGHTS,
    out: Out = RESULTS,
) -> None:
    """Photos a second with the whole panel, by detector, the time to the first verdict, resnet50 beside them;
    pictures a second that each generator makes and learns from. A few minutes.
    """
    from benchmarks.throughput.measure import measure
    from generators.training import device_named

    check_folder(out, "--out")
    console = Console(stderr=True)
    with console.status("timing") as status:
        result = measure(
            partial(load, panel.resolve()),
            panel.resolve(),
            photos,
            watch=lambda doing: status.update(f"timing: {doing}"),
            only=only,
            seconds=seconds,
            device=device_named(device),
        )
    finish(result, out)


group.command()(attacks)
group.command()(generalization)
group.command()(robustness)
group.command("red-queen")(red_queen)
group.command()(calibration)
group.command()(fidelity)
group.command()(kernels)
