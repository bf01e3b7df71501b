"""The README's picture of latent space, by weights that ship: `python -m app.latent_picture OUT.png [PHOTO]`.

A walk, a mixing grid, a photo searched for in the generator, three directions. Each block names its command.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from app.cli import run
from app.commands.latent.project import cut
from app.commands.suspect import suspect_of
from detectors.known.projection import Region, Settings, project
from detectors.known.reference import DRAWN
from forensics.photo import Photo
from forensics.tensors import to_pictures, to_tensor
from forensics.threads import one_thread
from generators.latent.directions import Directions
from generators.latent.edit import Edit, Move, sweep
from generators.latent.mixing import grid, layers_of
from generators.latent.points import points_of
from generators.latent.sheet import INK, PAPER, font_of, sheet, write
from generators.latent.space import Space
from generators.latent.walk import Walk, frames
from generators.trained import load

FAMILY, FRAMING = "stylegan2", 0.6
SEEN = {"pca-0": "light", "pca-2": "fringe", "pca-7": "smile"}  # directions of what ships, as one sees them
WIDTH, GAP = 1200, 16  # px


def walked(space: Space) -> np.ndarray:
    return sheet([list(frames(space, points_of(["2,10,11"]), Walk(12)))])


def mixed(space: Space) -> np.ndarray:
    down, across = points_of(["0-2"]), points_of(["10-12,14"])
    return sheet(grid(space, down, across, layers_of("coarse", space.styled.layers)))


def projected(space: Space, photo: Path) -> np.ndarray:
    suspect = suspect_of(space.trained, FRAMING, rows=True)
    target = cut(suspect, Photo.open(photo), align=True)
    how = Settings(steps=200, starts=1, noise_maps=True)
    region = Region.of(suspect.module, suspect.latents(DRAWN, 0), how)
    shown: list[np.ndarray] = []

    def watch(done: int, total: int, distance: float, picture) -> None:
        if done in (10, 40):
            shown.append(to_pictures(picture[None])[0])

    with one_thread():  # the same picture on every machine
        found = project(suspect.module, to_tensor([target]), region, how, watch)
    nearest = to_pictures(found.picture[None])[0]
    ends, between = (
        sheet([[target, nearest]], (), ("the photo", "nearest")),
        sheet([shown], (), ("10 steps", "40 steps")),
    )
    return np.vstack([ends, between])


def steered(space: Space) -> np.ndarray:
    known, point = Directions(space), points_of(["0"])[0]
    strengths = np.linspace(-3, 3, 9)
    rows = [list(sweep(space, point, Edit(), Move(name, 0.0), strengths, known)) for name in SEEN]
    return sheet(rows, list(SEEN.values()))


def titled(title: str, block: np.ndarray, width: int) -> Image.Image:
    """A block, scaled to a width, under its title."""
    font = font_of(17)
    image = Image.fromarray(block).resize(
        (width, round(block.shape[0] * width / block.shape[1])), Image.Resampling.BICUBIC
    )
    page = Image.new("RGB", (width, image.height + 32), PAPER)
    ImageDraw.Draw(page).text((0, 4), title, INK, font)
    page.paste(image, (0, 32))
    return page


def draw(space: Space, photo: Path) -> np.ndarray:
    half = (WIDTH - GAP) * 3 // 5
    blocks = [
        [titled("walk: from seed to seed", walked(space), WIDTH)],
        [
            titled("mix: the row's picture, pose and shape of the column's", mixed(space), half),
            titled("project: how near does it come to a photo?", projected(space, photo), WIDTH - GAP - half),
        ],
        [
            titled(
                "directions: three of w's principal components, -3 to +3 standard deviations", steered(space), WIDTH
            )
        ],
    ]
    heights = [max(block.height for block in row) for row in blocks]
    page = Image.new("RGB", (WIDTH, sum(heights) + GAP * (len(blocks) - 1)), PAPER)
    top = 0
    for row, height in zip(blocks, heights, strict=True):
        left = 0
        for block in row:
            page.paste(block, (left, top))
            left += block.width + GAP
        top += height + GAP
    return np.asarray(page)


def make(out: Path, photo: Path | None = None) -> None:
    """Without a photo: matplotlib's Grace Hopper (US Navy, public domain)."""
    import matplotlib

    space = Space(load(FAMILY))
    photo = photo or Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    write(draw(space, photo), out, space.trained.software)


def main() -> None:
    make(Path(sys.argv[1]), *map(Path, sys.argv[2:3]))


if __name__ == "__main__":
    run(main)
