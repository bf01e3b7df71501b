"""`forensics bench generalization`: trained on one generator, tried on the others."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.bench_photos import RESULTS, Fake, Out, finish, listed, named, ours, stages
from app.commands.outputs import check_folder

if TYPE_CHECKING:
    from benchmarks import Watch
    from generators.trained import Trained

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
    from benchmarks.generalization.grounds import Soil
    from benchmarks.generalization.measure import measure

    check_folder(out, "--out")
    trained = ours() if lineage else []
    with stages() as watch:
        makers = [forged(each, lineage, out, watch) for each in trained]
        soil = Soil(tuple(real), (*makers, *map(named, fake or ())), size, launder, most, seed)
        result = measure(soil, out, listed(detectors or ""), watch=watch)
    finish(result, out, SHOWN)


def forged(trained: Trained, n: int, out: Path, watch: Watch) -> tuple[str, Path]:
    """The maker's name, and a corpus of its pictures of seeds 0 to n - 1."""
    from generators.forge import Recipe, forge

    name = trained.family.name
    folder = out / f"forged-{n}" / f"{name}-{trained.sha256[:12]}"
    forge(trained, range(n), folder, Recipe(), partial(watch, f"forging {name}", total=n))
    return f"{name} (ours)", folder
