"""`forensics latent apply`: pictures edited by name, each alone, as strips, or as a film."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from app.commands.latent.opening import (
    Device,
    Kind,
    Points,
    Scale,
    Truncation,
    Weights,
    check_out,
    deviations,
    names,
    numbers_of,
    opened,
    record,
    say,
    shown,
)
from forensics.refusal import Refusal

if TYPE_CHECKING:
    from generators.latent.edit import Edit


def apply(
    weights: Weights,
    points: Points,
    out: Annotated[Path, typer.Option(help="A PNG; or with --sweep a film, .mp4, .webm or .gif.")],
    move: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[@LAYERS]=S", help="S standard deviations along a direction; repeatable."),
    ] = None,
    sweep: Annotated[
        str | None, typer.Option(metavar="NAME[@LAYERS]", help="One more direction, at each of --strengths.")
    ] = None,
    strengths: Annotated[str, typer.Option(help="Numbers, or first:last:count.")] = "-3:3:7",
    directions: Annotated[
        list[Path] | None,
        typer.Option(help="Files of named directions; sefa-0, pca-0, ... are known without; repeatable."),
    ] = None,
    mix: Annotated[
        str | None, typer.Option(metavar="POINT@LAYERS", help="Another's style first, at some layers.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30.0,
    truncation: Truncation = 1.0,
    kind: Kind = None,
    scale: Scale = None,
    device: Device = "cpu",
) -> None:
    """Steer pictures: truncation, then another's style, then steps along directions.

    One point without --sweep becomes one picture, pixel for pixel what the app's explorer shows.
    """
    from generators.latent.direction import load
    from generators.latent.directions import Directions
    from generators.latent.edit import Edit, Move, edited, mixing_of
    from generators.latent.edit import sweep as swept
    from generators.latent.film import Film, is_film, shoot
    from generators.latent.points import points_of
    from generators.latent.sheet import check_sheet, sheet, write

    check_out(out)
    film, along = Film(fps, scale), numbers_of(strengths, "--strengths")
    if not (out.suffix.lower() == ".png" or (is_film(out) and sweep)):
        raise Refusal(f"--out {out}: must end in .png, or with --sweep in .mp4, .webm or .gif")
    ends = points_of(points)
    if is_film(out) and len(ends) > 1:
        raise Refusal(f"--out {out}: a film is of one point, {len(ends)} were given; write .png for strips")
    space = opened(weights, kind, device, truncation)
    if not is_film(out):
        check_sheet(len(ends), len(along) if sweep else 1, space.family.size, scale)
    layers, software = space.styled.layers, space.trained.software
    read = [load(path) for path in directions or ()]
    known = Directions(space, [direction for found, _ in read for direction in found])
    if any(about.get("weights", space.trained.sha256) != space.trained.sha256 for _, about in read):
        say("note: directions that were found with other weights; here they may mean something else")
    other, at = mixing_of(mix, layers) if mix else (None, ())
    edit = Edit(truncation, other, at, tuple(Move.of(word, layers) for word in move or ()))
    if sweep is None:
        pictures = [space.of_w(edited(space, point, edit, known)) for point in ends]
        alone = len(pictures) == 1 and scale is None
        write(pictures[0] if alone else sheet([pictures], (), names(ends), scale), out, software)
    else:
        step = Move.of(f"{sweep}=0", layers)
        if is_film(out):
            with shown(swept(space, ends[0], edit, step, along, known), len(along), "sweeping") as frames:
                shoot(there_and_back(frames), out, software, film)
        else:
            rows = [list(swept(space, point, edit, step, along, known)) for point in ends]
            left = [f"{point.name}: {sweep}" for point in ends]
            write(sheet(rows, left, deviations(along), scale), out, software)
    record(out, space, ends, {**told(edit), "sweep": sweep, "strengths": along if sweep else None})
    say(f"applied: {out}")


def there_and_back(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Forwards, then backwards without the ends: it can be shown in a circle."""
    seen = []
    for frame in frames:
        seen.append(frame)
        yield frame
    yield from seen[-2:0:-1]


def told(edit: Edit) -> dict:
    moves = [{"direction": m.direction, "strength": m.strength, "layers": m.layers} for m in edit.moves]
    other = None if edit.other is None else edit.other.name
    return {"truncation": edit.truncation, "mix": other, "mixed layers": edit.layers, "moves": moves}
