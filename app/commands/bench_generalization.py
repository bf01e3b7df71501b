"""`forensics bench generalization`: trained on one generator, tried on the others."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.bench_photos import RESULTS, Fake, Out, finish, named
from app.commands.outputs import check_folder

if TYPE_CHECKING:
    from benchmarks.generalization.measure import Watch

SHOWN = ("summary",)  # on a terminal; the rest is for the eye


def generalization(
    real: Annotated[
        list[Path], typer.Option(help="Corpus of real photos, framed as the fakes are; may be repeated.")
    ],
    fake: Fake = None,
    lineage: Annotated[
        int, typer.Option(min=0, help="So many pictures of each of our families that ship; 0: none.")
    ] = 800,
    size: Annotated[int, typer.Option(help="px that all pictures are brought to.")] = 64,
    launder: Annotated[str, typer.Option(help="native, match, shrink or repost, then --size again")] = "match",
    most: Annotated[int, typer.Option(min=20, help="Pictures of each maker or domain to learn from.")] = 400,
    detectors: Annotated[
        str | None, typer.Option(help="Some of network,features,spectrum.", show_default="all")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of draws, trainings and bootstrap.")] = 0,
    out: Out = RESULTS,
) -> None:
    """Train small detectors on each generator, try them on all others: the whole matrix, and leave one out.

    The corpora's split "train" is learnt from, "test" is tried on. Photos and fakes must be framed alike, e.g. by
    `forensics corpus prepare --size 64 --align-faces --framing 0.6`. Interrupted, the same command goes on.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmarks.generalization.grounds import Soil
    from benchmarks.generalization.measure import measure

    check_folder(out, "--out")
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def watch(doing: str, done: int, total: int) -> None:
            bar.update(task, description=doing, completed=done, total=total)

        ours, missing = forged(lineage, out, watch) if lineage else ([], [])
        for name in missing:
            console.print(Text(f"left out: {name}, whose weights are not here (make weights)"), soft_wrap=True)
        soil = Soil(tuple(real), (*ours, *map(named, fake or ())), size, launder, most, seed)
        wanted = [name.strip() for name in (detectors or "").split(",") if name.strip()]
        result = measure(soil, out, wanted, watch=watch)
    finish(result, out, SHOWN)


def forged(n: int, out: Path, watch: Watch) -> tuple[list[tuple[str, Path]], list[str]]:
    """A corpus of seeds 0 to n - 1 for each family that ships, and the families whose weights are not here."""
    from benchmarks.lineage.scores import shipped
    from generators.forge import Recipe, forge

    trained, missing = shipped()
    folders = []
    for each in trained:
        name = each.family.name
        folder = out / f"forged-{n}" / f"{name}-{each.sha256[:12]}"
        forge(each, range(n), folder, Recipe(), partial(watch, f"forging {name}", total=n))
        folders.append((f"{name} (ours)", folder))
    return folders, missing
