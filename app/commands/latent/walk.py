"""`forensics latent walk`: from picture to picture, as a film or a strip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.commands.latent.opening import (
    Device,
    Kind,
    Points,
    Scale,
    Truncation,
    Weights,
    check_out,
    opened,
    record,
    say,
    shown,
)
from forensics.refusal import Refusal

MOST_STRIP = 60  # frames of a strip
ACROSS = 10


def walk(
    weights: Weights,
    points: Points,
    out: Annotated[Path, typer.Option(help="A film, .mp4, .webm or .gif; or a strip of its frames, .png.")],
    frames: Annotated[int, typer.Option(help="In all.")] = 60,
    where: Annotated[str, typer.Option("--in", metavar="w|z", help="Straight in w, along the sphere in z.")] = "auto",
    loop: Annotated[bool, typer.Option("--loop", help="Back to the first point, to be shown in a circle.")] = False,
    easing: Annotated[str, typer.Option(help="smooth: slow at each point; none: at one pace.")] = "smooth",
    fps: Annotated[float, typer.Option(help="Frames a second.")] = 30.0,
    print_seeds: Annotated[
        bool, typer.Option("--print-seeds", help="On each frame, the point it is nearest to.")
    ] = False,
    truncation: Truncation = 1.0,
    kind: Kind = None,
    scale: Scale = None,
    device: Device = "cpu",
) -> None:
    """Walk from point to point. Works with every family; those without w walk in z."""
    from generators.latent.film import Film, enlarged, is_film, shoot
    from generators.latent.points import points_of
    from generators.latent.sheet import check_sheet, inscribed, sheet, write
    from generators.latent.walk import Walk, places
    from generators.latent.walk import frames as walked

    check_out(out)
    film, way = Film(fps, scale), Walk(frames, where, loop, easing, truncation)
    strip = out.suffix.lower() == ".png"
    if not (strip or is_film(out)):
        raise Refusal(f"--out {out}: must end in .mp4, .webm or .gif (a film), or .png (a strip of its frames)")
    if strip and frames > MOST_STRIP:
        raise Refusal(f"--frames {frames}: a strip holds at most {MOST_STRIP}; write a film, or give fewer")
    ends = points_of(points)
    space = opened(weights, kind, device, truncation)
    if strip:
        check_sheet(-(-frames // ACROSS), ACROSS, space.family.size, scale)
    software, laid = space.trained.software, places(len(ends), way)
    words = [ends[place.first if place.share < 0.5 else place.then].name for place in laid]
    with shown(walked(space, ends, way), frames, "walking") as pictures:
        if print_seeds:
            large = (enlarged(picture, scale) for picture in pictures)
            pictures = (inscribed(picture, word) for picture, word in zip(large, words, strict=True))
            film = Film(fps, 1)
        if strip:
            cells = list(pictures)
            rows = [cells[start : start + ACROSS] for start in range(0, len(cells), ACROSS)]
            write(sheet(rows, scale=1 if print_seeds else scale), out, software)
        else:
            shoot(pictures, out, software, film)
    settings = {"frames": frames, "in": "w" if space.has_w and where != "z" else "z", "loop": loop, "easing": easing}
    record(out, space, ends, {**settings, "truncation": truncation, "fps": fps})
    say(f"walked: {out}, {frames} frames by way of {len(ends)} points")
