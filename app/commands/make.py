"""`forensics train` and `forensics forge`: generators, trained and put to work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_folder
from forensics.refusal import Refusal


def train(
    family: Annotated[str | None, typer.Argument(help="dcgan; not needed with --resume.")] = None,
    data: Annotated[Path | None, typer.Option(help="A prepared corpus, or any folder of photos.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; one that stopped goes on.")] = None,
    kimg: Annotated[float | None, typer.Option(help="Thousands of photos to show in all.")] = None,
    preset: Annotated[str | None, typer.Option(help="Row of the family's table.  [default: its first]")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    batch: Annotated[int, typer.Option(help="Photos a step.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32, or bf16: faster where the hardware has it.")] = "fp32",
    snap: Annotated[float, typer.Option(help="Thousands of photos between snapshots.")] = 20.0,
    resume: Annotated[Path | None, typer.Option(metavar="RUN", help="Go on with this run, as it was set.")] = None,
) -> None:
    """Train a generator on photos.

    The run's folder gets snapshots, sample pictures, a log and its settings. Ctrl-C saves; the same
    command, or --resume, goes on as if nothing had happened.
    """
    from generators.family import family_named
    from generators.plan import Plan, plan_of
    from generators.training import train as run

    if family is not None:
        family_named(family)
    if resume is not None:
        if out not in (None, resume):
            raise Refusal(f"--resume {resume} goes on in its own folder; leave --out {out} away")
        plan, out = plan_of(resume, kimg), resume
        if family not in (None, plan.family):
            raise Refusal(f"{resume} is a run of {plan.family}, not {family}")
    else:
        given = {"FAMILY": family, "--data": data, "--out": out, "--kimg": kimg}
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise Refusal(f"missing {', '.join(missing)}; e.g. forensics train dcgan --data DST --out RUN --kimg 500")
        plan = Plan(family, data, kimg, preset, seed, batch, precision, snap)
    check_folder(out, "--out")
    path = run(plan, out, device)
    say(f"trained: {path}; forge with `forensics forge {out}`")


def forge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, an exported file, or dcgan (shipped).")],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    seeds: Annotated[str, typer.Option(help="Numbers and ranges: 0-499,600")] = "0-15",
    format: Annotated[str, typer.Option(help="png, jpg or webp")] = "png",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "cpu",
) -> None:
    """Make pictures with a trained generator: one seed, one picture. They declare themselves as generated."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from generators.forge import forge as make
    from generators.forge import seeds_of
    from generators.trained import load
    from generators.training import device_named

    wanted = seeds_of(seeds)
    check_folder(out, "--out")
    trained = load(run, device_named(device))
    columns = TextColumn("forging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(wanted))
        corpus = make(trained, wanted, out, format, lambda done: bar.update(task, completed=done))
    say(f"{out}: {len(corpus):,} pictures by {trained.family.name}, declared as generated")


def say(line: str) -> None:
    Console(stderr=True).print(Text(line), soft_wrap=True)  # as Text: paths may hold what looks like markup
