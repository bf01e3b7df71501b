"""`forensics export`: what of a training makes pictures, in one small file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file
from forensics.refusal import Refusal


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder: its latest snapshot. Or one snapshot.")],
    out: Annotated[Path, typer.Argument(metavar="OUT.safetensors", help="The file to write.")],
) -> None:
    """Write a run's averaged generator to one small file, for `forge` and for `train --resume`.

    Matrices become float16, for which pictures differ by a grey level or two. Left out are the discriminator, the
    generator before averaging and the optimisers' state: a run goes on from its folder only, from such a file
    starts a new one.
    """
    from generators.trained import export as write

    if out.suffix != ".safetensors":
        raise Refusal(f"{out} must end in .safetensors")
    check_file(out, "OUT")
    write(run, out)
    size = f"{out.stat().st_size / 2**20:.1f} MiB"
    Console(stderr=True).print(Text(f"exported: {out}, {size}; forge with `forensics forge {out}`"), soft_wrap=True)
