"""`forensics train`: generators, trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_folder
from forensics.refusal import Refusal

# What may be said beside --resume RUN; --data: the same photos in another place.
GOES_ON_WITH = {"family", "data", "out", "kimg", "resume", "device", "snap", "metric", "graphs", "dry_run"}


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
    graphs: Annotated[
        bool, typer.Option("--graphs", help="Replay CUDA graphs: stylegan2, on one GPU; for small networks.")
    ] = False,
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
        if resume.suffix == ".safetensors" and not resume.exists():
            hint = f"; if {out} goes on: --resume {out}" if out is not None and (out / "config.json").exists() else ""
            raise Refusal(f"{resume}: no such file of weights, and no training run{hint}")
        if out is not None and out.resolve() != resume.resolve():
            raise Refusal(f"--resume {resume} goes on in its own folder; leave --out {out} away")
        if fixed := given - GOES_ON_WITH:
            spelled = {"changes": "set", "cond": "cond or --no-cond"}
            words = ", ".join("--" + spelled.get(name, name) for name in sorted(fixed))
            raise Refusal(f"--resume {resume} goes on as the run was set; leave {words} away, or start a new run")
        plan, out = plan_of(resume), resume
        newer = {"data": data, "kimg": kimg, "snap": snap, "metric": metric}
        plan = replace(plan, **{name: value for name, value in newer.items() if name in given})
        if family not in (None, plan.family):
            raise Refusal(f"{resume} is a run of {plan.family}, not {family}")
    else:
        settings = None
        if weights is not None:
            family, preset, settings = like(weights, family, preset)
        needed = {"FAMILY": family, "--data": data, "--out": out, "--kimg": kimg}
        missing = [name for name, value in needed.items() if value is None]
        if missing:
            raise Refusal(f"missing {', '.join(missing)}; e.g. forensics train dcgan --data DST --out RUN --kimg 500")
        words = tuple(changes or ())
        batch = batch_of(family, preset, words) if batch is None else batch
        plan = Plan(
            family,
            data,
            kimg,
            preset,
            seed,
            batch,
            precision,
            snap,
            microbatch,
            cond,
            weights,
            metric,
            words,
            settings,
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
    path = run(plan, out, device, graphs)
    if rank() == 0:
        say(f"trained: {path}; forge with `forensics forge {out}`")


def batch_of(family: str, preset: str | None, changes: tuple[str, ...]) -> int:
    """Photos a step that a preset is meant for."""
    from generators.changes import changed
    from generators.family import family_named, preset_named

    _, config = preset_named(family_named(family), preset)
    return getattr(changed(config, changes), "batch", 64)


def like(weights: Path, family: str | None, preset: str | None) -> tuple[str, str | None, Mapping[str, Any] | None]:
    """Family, preset and settings of a run that starts from weights: those of the weights, where not given.

    Another family that takes these weights has its own settings: its preset of the same name, if there is one.
    """
    from generators.family import family_named
    from generators.transfer import describe

    told = describe(weights)
    same = family in (None, told.get("family"))
    family = family or str(told.get("family"))
    if preset is not None:
        return family, preset, None
    if told.get("preset") in family_named(family).presets:
        preset = told["preset"]
    return family, preset, told.get("config") if same else None


def say(line: str) -> None:
    Console(stderr=True).print(Text(line), soft_wrap=True)  # as Text: paths may hold what looks like markup
