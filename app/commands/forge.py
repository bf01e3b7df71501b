"""`forensics forge`: a trained generator, put to work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_folder
from forensics.refusal import Refusal

WORTH = 500  # seeds for which several processes pay: each takes seconds to start


def forge(
    run: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="A run's folder, an exported file, or a family that ships.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    seeds: Annotated[str | None, typer.Option(help="Numbers and ranges: 0-499,600  [default: 0-15]")] = None,
    photos: Annotated[
        Path | None,
        typer.Option("--from", metavar="CORPUS", help="Reconstruct these photos instead: autoencoder, vae."),
    ] = None,
    truncation: Annotated[
        float, typer.Option(metavar="PSI", help="Below 1: likelier, less varied; style-based families.")
    ] = 1.0,
    kind: Annotated[
        str | None, typer.Option("--class", metavar="K|NAME", help="One class only.  [default: each seed its own]")
    ] = None,
    format: Annotated[str, typer.Option(help="png, jpg or webp; png and webp are lossless")] = "png",
    quality: Annotated[int | None, typer.Option(help="Of jpg, 1 to 100, always 4:4:4.  [default: 95]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "cpu",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on the CPU.  [default: the cores, for many seeds]")
    ] = None,
) -> None:
    """Make pictures with a trained generator: one seed, one picture. They declare themselves as generated.

    Interrupted, the same command goes on. The folder gets manifest.csv and config.json.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from forensics.crew import cores
    from generators.forge import Recipe, seeds_of
    from generators.forge import forge as make
    from generators.reconstruct import reconstruct
    from generators.source import corpus_at
    from generators.trained import load
    from generators.training import device_named

    if photos is not None and not (seeds is workers is kind is None and truncation == 1):
        raise Refusal("--from makes one picture of each photo; leave --seeds, --truncation, --class, --workers away")
    wanted = seeds_of("0-15" if seeds is None else seeds)
    check_folder(out, "--out")
    where = device_named(device)
    recipe = Recipe(format, quality, truncation, kind)
    trained = load(run, where)
    if workers is None:
        workers = cores() if where == "cpu" and len(wanted) >= WORTH else 1
    console = Console(stderr=True)
    columns = TextColumn("forging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int = len(wanted)) -> None:
            bar.update(task, completed=done, total=total)

        if photos is None:
            corpus = make(trained, wanted, out, recipe, show, workers)
        else:
            made = reconstruct(trained, corpus_at(photos), out, recipe, show)
            corpus = made.corpus
            for left_out in made.left_out:
                console.print(Text(f"left out: {left_out}"), soft_wrap=True)
    told = f"{out}: {len(corpus):,} pictures by {trained.family.name}, declared as generated"
    console.print(Text(told), soft_wrap=True)
