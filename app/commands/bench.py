"""`forensics bench`: measures, each with its own table. Without a name it lists them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.bench_calibration import calibration
from app.commands.bench_fidelity import fidelity
from app.commands.bench_robustness import robustness
from app.commands.outputs import check_folder
from app.commands.scan import load
from forensics.places import DETECTOR_WEIGHTS, RUNS
from forensics.refusal import Refusal

group = typer.Typer(help="Measure detectors, verdicts and speed.", invoke_without_command=True)

Out = Annotated[Path, typer.Option(help="Folder for the tables: Markdown, CSV, JSON; none is overwritten.")]
PanelFolder = Annotated[Path, typer.Option("--panel", help="Folder with detector weights and their calibration.")]
RESULTS = RUNS / "bench"


@group.callback()
def bench(context: typer.Context) -> None:
    """Measure detectors, verdicts and speed. Alone: the list of benchmarks."""
    if context.invoked_subcommand is None:
        from benchmarks import BENCHMARKS

        for benchmark in BENCHMARKS:
            Console().print(f"[bold]forensics bench {benchmark.name}[/]: {benchmark.question}", highlight=False)


@group.command()
def detection(
    real: Annotated[
        list[Path] | None, typer.Option(help="Folder of real photos; may be repeated.", show_default=False)
    ] = None,
    fake: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Generated pictures, and their maker.", show_default=False),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]DIR",
            help="Both classes in one folder or WebDataset .tar: 0_real and 1_fake, real and fake, nature and ai.",
            show_default=False,
        ),
    ] = None,
    panel: Annotated[
        Path | None,
        typer.Option(help="Folder with weights and calibration.  [default: runs/detector, else what ships]"),
    ] = None,
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
    split: Annotated[str, typer.Option(help="test; or all, if nothing was trained on the folders.")] = "test",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many photos of each folder.")] = None,
    grey: Annotated[
        int, typer.Option(min=0, help="Real photos of each domain that are examined once more, without colour.")
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Of laundering and bootstrap.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: cores]")] = None,
    out: Out = RESULTS,
) -> None:
    """How well detectors and verdict tell generated pictures from photos, with 95 % intervals.

    Without --real and --fake: the corpora that the detectors were trained from, their test split.
    Interrupted, the same command goes on: scores are kept in OUT.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmarks.detection import measure
    from benchmarks.shots import Setup
    from forensics.crew import cores

    check_folder(out, "--out")
    panel = panel or (RUNS / "detector" if (RUNS / "detector" / "calibration.json").exists() else DETECTOR_WEIGHTS)
    reals, fakes, sets = chosen(real, fake, dataset, panel)
    launder = launder or ("match" if match else "repost")
    setup = Setup(reals, fakes, launder, split, limit, seed, grey=grey, sets=sets, match=match)
    columns = TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        show = partial(update, bar, task)
        result = measure(setup, partial(load, panel.resolve()), out, workers or cores(), show)
    finish(result, out)


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
    from benchmarks.throughput import measure
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


group.command()(robustness)
group.command()(calibration)
group.command()(fidelity)


def chosen(real: list[Path] | None, fake: list[str] | None, sets: list[str] | None, panel: Path) -> tuple:
    """Real folders, fake ones and data sets with their names; none given: what the panel was trained from."""
    from benchmarks.detection import recorded_corpora

    if bool(real) != bool(fake) and not sets:
        raise Refusal(
            "pass both --real and --fake, or --dataset, or none for the corpora that the detectors were trained from"
        )
    if not (real or fake or sets):
        return (*recorded_corpora(panel), ())
    return tuple(real or ()), tuple(map(named, fake or ())), tuple(named(value, "--dataset") for value in sets or ())


def named(value: str, option: str = "--fake") -> tuple[str | None, Path]:
    """ "dcgan=fakes" → ("dcgan", fakes); a folder alone keeps its manifest's makers, or its own name."""
    name, equals, folder = value.partition("=")
    if not equals or Path(value).exists():
        return None, Path(value)
    if not name or not folder:
        raise Refusal(f"{option} {value}: write NAME=FOLDER, or FOLDER")
    return name, Path(folder)


def update(bar, task, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def finish(result, out: Path) -> None:
    """Tables on standard output, files in `out`."""
    console = Console()
    for warning in result.warnings:
        console.print(Text(warning, style="bold"), end="\n\n")
    for table in result.tables:
        console.print(table.as_rich(), end="\n\n")
    path = result.save(out)
    Console(stderr=True).print(Text(f"saved: {path} (and .md, .csv beside it)"), soft_wrap=True)
