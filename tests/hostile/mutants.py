"""The files of a bulk run: first those that are put together by hand, then damage by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from os import environ
from pathlib import Path
from random import Random

from tests.hostile import bombs, giants, odd
from tests.hostile.damage import DAMAGES, checked
from tests.hostile.seeds import seeds

SUFFIXES = {"JPEG": ".jpg", "TIFF": ".tif", "HEIF": ".heic"}
SHARED = Path(environ.get("FORENSICS_SHARED", Path(__file__).resolve().parents[3] / "shared"))
MOST_SEED = 400_000  # bytes of a developers' file that is damaged further
HAND_MADE: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "giant": giants.claims,
    "costly": giants.costly,
    "metadata": bombs.metadata,
    "polyglot": bombs.polyglots,
    "odd": odd.photos,
}


@dataclass(frozen=True)
class Mutant:
    """`name` tells how to make it again; `data` is the file."""

    name: str
    mutation: str
    data: bytes = field(repr=False)

    @property
    def format(self) -> str:
        word = self.name.split()[0]
        return word if word in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF") else "other"

    @property
    def suffix(self) -> str:
        return SUFFIXES.get(self.format, f".{self.format.lower()}")


def mutants(count: int, seed: int, shared: Path = SHARED) -> Iterator[Mutant]:
    """`count` files, the same for the same seed; every file that was put together by hand comes first."""
    return islice(everything(seed, shared), count)


def everything(seed: int, shared: Path) -> Iterator[Mutant]:
    yield from hand_made()
    theirs = developers_files(shared)
    for name, data in theirs.items():
        yield Mutant(name, "broken file", data)
    sound = seeds() | {name: data for name, data in theirs.items() if len(data) < MOST_SEED}
    yield from damaged(sound, seed)


def hand_made() -> Iterator[Mutant]:
    for mutation, made in HAND_MADE.items():
        for name, data in made():
            yield Mutant(name, mutation, data)


def damaged(sound: dict[str, bytes], seed: int) -> Iterator[Mutant]:
    """Without end: each format, each kind of damage, in turn."""
    number = 0
    while True:
        for name in sound:
            damage = DAMAGES[number % len(DAMAGES)]
            chance = Random(f"{seed} {number}")
            data = bytes(damage(bytearray(sound[name]), chance, sound))
            yield Mutant(f"{name} #{number}", damage.__name__, checked(data) if chance.random() < 0.7 else data)
            number += 1
        number += len(sound) % len(DAMAGES) == 0  # else a file would always meet the same damage


def developers_files(shared: Path) -> dict[str, bytes]:
    """C2PA test files, valid and broken, and marked ones; they are read where they lie, if they are there."""
    folder = shared / "data" / "provenance"
    if not folder.is_dir():
        print(f"developers' data not found at {folder}: its broken files were NOT examined")  # noqa: T201
        return {}
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix != ".txt":
            found[f"{'JPEG' if file.suffix == '.jpg' else 'PNG'} {file.name}"] = file.read_bytes()
    return found
