"""`forensics latent truncate`: a picture on its way to the mean, at each psi and cutoff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.latent.opening import (
    Device,
    Kind,
    Points,
    Scale,
    Weights,
    check_png,
    numbers_of,
    opened,
    record,
    say,
)
from forensics.refusal import Refusal

FURTHEST = 3.0


def truncate(
    weights: Weights,
    points: Points,
    out: Annotated[Path, typer.Option(help="The grid, a PNG.")],
    psi: Annotated[str, typer.Option(help="Columns: numbers, or first:last:count.")] = "0,0.3,0.5,0.7,0.85,1,1.2",
    cutoff: Annotated[str, typer.Option(help="Rows: layers that are reached, e.g. 2,4,all.")] = "all",
    centres: Annotated[
        int | None, typer.Option(help="Also towards the nearest of so many cluster centres of w.")
    ] = None,
    kind: Kind = None,
    scale: Scale = None,
    device: Device = "cpu",
) -> None:
    """The truncation trick: psi 1 is the picture itself, 0 the mean, or its cluster's centre."""
    from generators.latent.points import points_of
    from generators.latent.sheet import check_sheet, sheet, write
    from generators.latent.truncating import centres as clustered
    from generators.latent.truncating import row

    check_png(out)
    ends, psis = points_of(points), numbers_of(psi, "--psi")
    if max(map(abs, psis)) > FURTHEST:
        raise Refusal(f"--psi {psi}: must be {-FURTHEST:g} to {FURTHEST:g}")
    space = opened(weights, kind, device)
    reach = cutoffs_of(cutoff, space.styled.layers)
    middles = 1 if centres is None else 2
    check_sheet(len(ends) * len(reach) * middles, len(psis), space.family.size, scale)
    towards = [("mean", None)] if centres is None else [("mean", None), ("centre", clustered(space, centres))]
    pictures, left = [], []
    for point in ends:
        for name, found in towards:
            for layers in reach:
                pictures.append(row(space, point, psis, layers, found))
                left.append(f"{point.name} to {name}" + ("" if layers is None else f", {layers} layers"))
    write(sheet(pictures, left, [f"ψ {value:g}" for value in psis], scale), out, space.trained.software)
    record(out, space, ends, {"psi": psis, "cutoff": reach, "centres": centres})
    say(f"truncated: {out}")


def cutoffs_of(text: str, layers: int) -> list[int | None]:
    """ "2,4,all" → numbers of layers, None for all. Raises Refusal for others."""
    found: list[int | None] = []
    for part in text.split(","):
        word = part.strip().lower()
        if word == "all":
            found.append(None)
        elif word.isdecimal() and 1 <= int(word) <= layers:
            found.append(int(word))
        else:
            raise Refusal(f"--cutoff {text}: give 1 to {layers}, or all; this generator has {layers} layers")
    return found
