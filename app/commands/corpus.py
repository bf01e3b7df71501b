"""`forensics corpus`: labelled folders of pictures, made ready for generators and detectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file, check_folder
from forensics.refusal import Refusal

group = typer.Typer(help="Make labelled folders of pictures.", no_args_is_help=True)


@group.callback()
def corpus() -> None:
    """Make labelled folders of pictures."""


@group.command()
def prepare(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder or .zip of photos.")],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The corpus; a second source may join it.")],
    size: Annotated[str, typer.Option(help="Side in pixels, HEIGHTxWIDTH, or `native`: files byte for byte.")] = "64",
    label: Annotated[str, typer.Option(help="real or fake")] = "real",
    maker: Annotated[str, typer.Option(help="`camera`, or the generator's name.  [default: camera if real]")] = "",
    domain: Annotated[str, typer.Option(help="What such photos are.  [default: name of SRC]")] = "",
    licence: Annotated[str, typer.Option(help="What the photos' owners allow; noted with each picture.")] = "",
    align_faces: Annotated[bool, typer.Option("--align-faces", help="Cut the largest face, FFHQ's way.")] = False,
    crop: Annotated[
        str | None,
        typer.Option(
            help="`center`; `face`: around the largest, not turned; `none`: all of it, other shapes are left out; "
            "`wide`: a strip on a black square.  [default: center]"
        ),
    ] = None,
    framing: Annotated[float, typer.Option(help="Side of the face's square: 1 is FFHQ's, less is tighter.")] = 1.0,
    dedupe: Annotated[bool, typer.Option("--dedupe", help="Leave near copies out; the largest stays.")] = False,
    layout: Annotated[str, typer.Option(help="`folder`, or `stylegan`: one .zip with dataset.json.")] = "folder",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes.  [default: the cores]")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many photos.")] = None,
) -> None:
    """Make a corpus: pictures of one size, bad files listed, copies in one split, labels kept.

    Interrupted, the same command goes on. DST gets manifest.csv, left_out.csv and config.json. Labels come from
    SRC's dataset.json, its manifest's column `class`, or one sub-folder a class.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from forensics.crew import cores
    from generators.cropping import Cut, size_of
    from generators.dataset_zip import prepare_zip
    from generators.journal import Origin
    from generators.prepare import prepare as prepare_folder

    layouts = {"folder": prepare_folder, "stylegan": prepare_zip}
    if label not in ("real", "fake"):
        raise Refusal(f"--label {label}: must be real or fake")
    if layout not in layouts:
        raise Refusal(f"--layout {layout}: must be {' or '.join(layouts)}")
    cut = Cut(size_of(size), align_faces, framing, crop)
    if layout == "stylegan":
        check_file(target, "DST")
    else:
        check_folder(target, "DST")
    maker = maker or ("camera" if label == "real" else "unknown")
    console = Console(stderr=True)
    columns = TextColumn("preparing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("")
        made = layouts[layout](
            source,
            target,
            cut,
            Origin(label, maker, domain, licence),
            limit,
            lambda done, total: bar.update(task, completed=done, total=total),
            dedupe,
            workers or cores(),
        )
    say = f"{target}: {made.kept:,} pictures from {source}"
    if made.enlarged:
        say += f", {made.enlarged:,} of them enlarged"
    if made.left_out:
        table = target / "left_out.csv" if layout == "folder" else target.with_suffix(".left_out.csv")
        say += f"; {len(made.left_out):,} left out, see {table}"
    console.print(Text(f"{say}; the corpus holds {len(made.corpus):,}"), soft_wrap=True)
