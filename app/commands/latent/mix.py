"""`forensics latent mix`: rows take the style of columns, at chosen layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.latent.opening import (
    Device,
    Kind,
    Scale,
    Truncation,
    Weights,
    check_png,
    names,
    opened,
    record,
    say,
)


def mix(
    weights: Weights,
    out: Annotated[Path, typer.Option(help="The grid, a PNG.")],
    rows: Annotated[list[str], typer.Option(metavar="POINTS", help="Seeds (0-3) or files of saved w.")],
    columns: Annotated[list[str], typer.Option(metavar="POINTS", help="The same: these give their style.")],
    layers: Annotated[str, typer.Option(help="Numbers and ranges (4-7), or coarse, middle, fine.")] = "coarse",
    truncation: Truncation = 1.0,
    kind: Kind = None,
    scale: Scale = None,
    device: Device = "cpu",
) -> None:
    """Style mixing: each picture is its row's, but for some layers, which are its column's."""
    from generators.latent.mixing import grid, layers_of
    from generators.latent.points import points_of
    from generators.latent.sheet import check_sheet, sheet, write

    check_png(out)
    down, across = points_of(rows), points_of(columns)
    space = opened(weights, kind, device, truncation)
    check_sheet(len(down) + 1, len(across) + 1, space.family.size, scale)
    chosen = layers_of(layers, space.styled.layers)
    pictures = grid(space, down, across, chosen, truncation)
    write(sheet(pictures, ["", *names(down)], ["", *names(across)], scale), out, space.trained.software)
    record(out, space, [*down, *across], {"rows": names(down), "columns": names(across), "layers": chosen})
    say(f"mixed: {out}; layers {layers} of 0 to {space.styled.layers - 1} are the columns'")
