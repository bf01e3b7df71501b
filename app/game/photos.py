"""Real faces for the game: cut as the generators' training photos were, at each size that a generator has.

A face whose square leaves the photo is not used: its border would be mirrored, and borders would win the game.
What ships with our dependencies holds one face; others are the visitor's own, from a folder or a zip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from forensics.face import inside, largest_face
from forensics.photo import Photo, UnreadableImage
from forensics.refusal import Refusal

FRAMING = 0.6  # of all weights that ship: `forensics corpus prepare --align-faces --framing 0.6`, see their cards
MOST_FACES = 40  # more than a round needs
MOST_FILES = 400  # looked at, a random choice of a larger folder


@dataclass(frozen=True)
class RealFace:
    """One face at each size. `name`: of its file."""

    name: str
    cuts: Mapping[int, np.ndarray] = field(repr=False)  # side in px → (side, side, 3) uint8


@dataclass(frozen=True)
class Hand:
    """The faces one plays with, and how many photos were looked at for them."""

    faces: tuple[RealFace, ...]
    looked_at: int


def built_in() -> tuple[Path, ...]:
    """Photos that our dependencies carry: of these, one is a portrait (Grace Hopper, US Navy, public domain)."""
    import matplotlib
    import sklearn.datasets

    scenes = Path(sklearn.datasets.__file__).parent / "images"
    return Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg", *sorted(scenes.glob("*.jpg"))


def of_dependencies(sizes: Iterable[int]) -> Hand:
    paths = built_in()
    found = [real_face(Photo.open(path), sizes) for path in paths]
    return Hand(tuple(face for face in found if face), len(paths))


def of_folder(
    path: Path, sizes: Iterable[int], number: int, progress: Callable[[float], None] = lambda share: None
) -> Hand:
    """Faces of the visitor's photos; which ones of many is drawn by the round's number.

    Raises Refusal for what is no folder or zip, or where no face can be used.
    """
    from generators.source import Source

    sizes = tuple(sizes)
    with Source(path) as photos:
        if not photos.names:
            raise Refusal(f"{path}: no pictures in it; give a folder or a .zip of photos with faces")
        order = np.random.default_rng(number).permutation(len(photos.names))[:MOST_FILES]
        found: dict[bytes, RealFace] = {}  # by their pixels: copies of one photo count once
        for looked_at, i in enumerate(order, start=1):
            progress(max(looked_at / len(order), len(found) / MOST_FACES))
            try:
                face = real_face(photos.open(photos.names[i]), sizes)
            except UnreadableImage:
                continue
            if face:
                found.setdefault(face.cuts[max(sizes)].tobytes(), face)
            if len(found) == MOST_FACES:
                break
    if not found:
        wanted = f"upright and whole, at least {max(sizes)} px, not cut off by the photo's border"
        raise Refusal(f"{path}: no face in {looked_at:,} photos that can be used; wanted: {wanted}")
    return Hand(tuple(found.values()), looked_at)


def real_face(photo: Photo, sizes: Iterable[int]) -> RealFace | None:
    """The largest face of a photo; None where there is none, or one that is too small or cut off by the border."""
    from generators.cropping import Cut

    face, sizes = largest_face(photo), tuple(sizes)
    if face is None:
        return None
    square = face.frame(FRAMING)
    side = float(np.linalg.norm(square[3] - square[0]))
    if side < max(sizes) or inside(square, photo) < 1:  # an enlarged face would be blurred, and told by that
        return None
    return RealFace(photo.name, {size: Cut(size, align_faces=True, framing=FRAMING).made(photo) for size in sizes})
