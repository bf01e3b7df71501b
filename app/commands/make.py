"""`forensics train`: generators, trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_folder
from forensics.refusal import Refusal

GOES_ON_WITH = {"family", "out", "kimg", "resume", "device", "snap", "metric", "dry_run"}  # of a run's options


def train(
    context: typer.Context,
    family: Annotated[str | None, typer.Argument(help="E.g. stylegan2-ada; not needed with --resume.")] = None,
    data: Annotated[Path | None, typer.Option(help="A prepared corpus, or any folder or zip of photos.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; one that stopped goes on.")] = None,
    kimg: Annotated[float | None, typer.Option(help="Thousands of photos to show in all.")] = None,
    preset: Annotated[str | None, typer.Option(help="Row of the family's table.  [default: its first]")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|WEIGHTS",
            help="Go on with this run, as it was set; or start a new one from weights (exported, or a snapshot).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1)] = 0,
    batch: Annotated[int | None, typer.Option(help="Photos a step.  [default: the preset's, or 64]")] = None,
    microbatch: Annotated[int | None, typer.Option(help="Photos at a time; less memory.  [default: --batch]")] = None,
    cond: Annotated[bool | None, typer.Option("--cond/--no-cond", help="Learn the photos' classes, or not.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32; bf16 or fp16: faster where the hardware has it.")] = "fp32",
    snap: Annotated[float, typer.Option(help="Thousands of photos between snapshots.")] = 20.0,
    metric: Annotated[str | None, typer.Option(help="fid-like: a score at every snapshot.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Change a setting of the preset, e.g. freeze_d=4; repeatable."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
) -> None:
    """Train a generator on photos.

    The run's folder gets snapshots, sample pictures, logs (log.jsonl, TensorBoard) and its settings. Ctrl-C
    saves; the same command, or --resume RUN, goes on as if nothing had happened. Several processes or hosts:
    `torchrun --nproc-per-node 2 -m app.cli train ... --microbatch 32`, the same result.
    """
    from generators.family import family_named
    from generators.plan import Plan, plan_of

    if family is not None:
        family_named(family)
    weights = resume if resume is not None and resume.is_file() else None
    given = {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}
    if resume is not None and weights is None:
        if out not in (None, resume):
            raise Refusal(f"--resume {resume} goes on in its own folder; leave --out {out} away")
        if fixed := given - GOES_ON_WITH:
            words = ", ".join("--" + {"changes": "set"}.get(name, name) for name in sorted(fixed))
            raise Refusal(f"--resume {resume} goes on as the run was set; leave {words} away, or start a new run")
        plan, out = plan_of(resume), resume
        newer = {"kimg": kimg, "snap": snap, "metric": metric}
        plan = replace(plan, **{name: value for name, value in newer.items() if name in given})
        if family not in (None, plan.family):
            raise Refusal(f"{resume} is a run of {plan.family}, not {family}")
    else:
        if weights is not None:
            family, preset = like(weights, family, preset)
        needed = {"FAMILY": family, "--data": data, "--out": out, "--kimg": kimg}
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            raise Refusal(f"missing {', '.join(missing)}; e.g. forensics train dcgan --data DST --out RUN --kimg 500")
        words = tuple(changes or ())
        batch = batch_of(family, preset, words) if batch is None else batch
        plan = Plan(
            family, data, kimg, preset, seed, batch, precision, snap, microbatch, cond, weights, metric, words
        )
    if dry_run:
        from generators.rehearsal import rehearse

        say("taking a few steps to time them ...")
        for name, value in rehearse(plan, out, device).items():
            say(f"{name}: {value}")
        return
    from generators.ranks import rank
    from generators.training import train as run

    check_folder(out, "--out")
    path = run(plan, out, device)
    if rank() == 0:
        say(f"trained: {path}; forge with `forensics forge {out}`")


def batch_of(family: str, preset: str | None, changes: tuple[str, ...]) -> int:
    """Photos a step that a preset is meant for."""
    from generators.changes import changed
    from generators.family import family_named, preset_named

    _, config = preset_named(family_named(family), preset)
    return getattr(changed(config, changes), "batch", 64)


def like(weights: Path, family: str | None, preset: str | None) -> tuple[str, str | None]:
    """Family and preset of a run that starts from weights: those of the weights, where not given."""
    from generators.family import family_named
    from generators.transfer import describe

    told = describe(weights)
    family = family or str(told.get("family"))
    if preset is None and told.get("family") == family and told.get("preset") in family_named(family).presets:
        preset = told["preset"]
    return family, preset


def say(line: str) -> None:
    Console(stderr=True).print(Text(line), soft_wrap=True)  # as Text: paths may hold what looks like markup
