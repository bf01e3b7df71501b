"""`forensics convert`: networks of one code, as another code reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.commands.outputs import check_file


def convert(
    given: Annotated[
        str,
        typer.Argument(
            metavar="IN", help="NVIDIA's .pkl, rosinality's .pt, a .safetensors of this, a run, a family."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new file: .safetensors, or .pt for rosinality's code.")
    ],
    network: Annotated[
        str | None,
        typer.Option(metavar="G_ema|G|D", help="One network only.  [default: .safetensors G_ema, .pt all]"),
    ] = None,
) -> None:
    """Read generators and discriminators of other codes, safely, and write them for others.

    Reads NVIDIA's pickles of StyleGAN2 and its ADA (PyTorch and TensorFlow), of StyleGAN and ProGAN, rosinality's
    .pt, and StyleGAN2 trained here. Nothing in a file is run: a pickle that asks for more than weights is refused.
    `forge` and other commands that take weights take such files as they are.
    """
    from generators.interop.conversion import convert as write

    check_file(out, "OUT")
    console = Console(stderr=True)
    for line in write(given, out, network):
        console.print(Text(line), soft_wrap=True)
    forge = "" if network == "D" else f"; forge with `forensics forge {out}`"
    console.print(Text(f"written: {out}, {out.stat().st_size / 2**20:.1f} MiB{forge}"), soft_wrap=True)
