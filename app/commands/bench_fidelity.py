"""`forensics bench fidelity`: how near generated pictures are to photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.bench_photos import RESULTS, Out, finish, named, ours, stages
from app.commands.outputs import check_folder

if TYPE_CHECKING:
    from benchmarks.fidelity.measure import Named


def fidelity(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...",
            help="Families that ship, runs, exported files.  [default: all that ships; none, with --fake]",
        ),
    ] = None,
    real: Annotated[
        list[Path] | None,
        typer.Option(help="Photos: a corpus, a folder, a zip; may be repeated.  [default: what each learned from]"),
    ] = None,
    fake: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]DIR", help="Pictures, against the first --real.", show_default=False),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="InceptionV3's weights, .pth or .safetensors; those of 2015-12-05 give FID itself."),
    ] = None,
    n: Annotated[int, typer.Option(help="Pictures of each, and photos.")] = 2000,
    paths: Annotated[int, typer.Option(help="Latent paths of PPL, in z and w, full and end; 0: none.")] = 1000,
    rounds: Annotated[int, typer.Option(help="Half samples behind the intervals; 0: none.")] = 40,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "cpu",
    out: Out = RESULTS,
) -> None:
    """FID, KID, precision, recall and path length of generators and folders, in a named feature space.

    Each generator is set against the photos that it learned from. Without Inception's weights a small network that
    ships sees the pictures, and scores are "-like". Interrupted, the same command goes on: points are kept in OUT.
    """
    from benchmarks.fidelity.figure import figure
    from benchmarks.fidelity.measure import Setup, measure
    from generators.trained import load
    from generators.training import device_named

    check_folder(out, "--out")
    setup, where = Setup(n, paths, rounds), device_named(device)
    folders = [named(text) for text in fake or ()]
    if runs or folders:
        trained = [load(run, where) for run in runs or ()]
    else:
        trained = ours()
        for each in trained:
            each.family.average.to(where)
    space = space_of(inception, where)
    with stages() as watch:
        result = measure(setup, trained, real or (), folders, space, out, watch)
    finish(replace(result, figures={"measures": figure(result)}), out)


def space_of(inception: Path | None, device: str) -> Named:
    """Inception's from a file, or the space that ships."""
    from benchmarks.fidelity.measure import Named
    from forensics import features
    from forensics.corpus import file_sha256

    if inception is None:
        return Named(features.shipped(device), file_sha256(features.FILE))
    from benchmarks.fidelity.inception import Inception

    space = Inception(inception, device)
    return Named(space, space.sha256, space.verified)
