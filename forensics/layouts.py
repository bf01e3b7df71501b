"""Data sets as others lay them out, opened as one real and one fake corpus. Pictures stay where they are.

    0_real  1_fake             CNNDetection (Wang et al. 2020); also below class folders: airplane/0_real
    real  fake
    nature  ai                 GenImage (Zhu et al. 2023); also below train and val
    manifest.csv               a corpus of ours that holds both labels
    key.jpg  key.cls           in a .tar: WebDataset (webdataset.py), which is unpacked once

The maker of fakes, and the domain of the reals beside them, is the first folder below the one given, or that
folder itself where the pair lies right in it; the folders between are the class. Pictures of one name in one pair
are one group (a photo and its fake copy). Where a set holds a part out (val, test), that is the split "test".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from forensics.corpus import MANIFEST, Corpus, Entry, pictures_below, split_of
from forensics.refusal import Refusal
from forensics.webdataset import unpacked

PAIRS = (("0_real", "1_fake"), ("real", "fake"), ("nature", "ai"))  # reals first; upper or lower case
LEARNT, HELD_OUT = ("train", "training"), ("val", "valid", "validation", "test")
DEEPEST = 5  # folders between the one given and a pair
EXPECTED = (
    "expected are folders 0_real and 1_fake, real and fake, or nature and ai (right there, or below class folders, "
    f"train or val), a {MANIFEST} with both labels, or a WebDataset .tar"
)


def datasets(source: str | Path, cache: str | Path | None = None, name: str | None = None) -> tuple[Corpus, Corpus]:
    """(reals, fakes) of a folder or a WebDataset .tar.

    cache: folder that a tar's pictures are unpacked into, once; folders need none. name: of the maker and
    domain, in place of the folder's. Raises Refusal when it is none of the layouts, or a class is empty.
    """
    source = Path(source)
    if source.is_dir():
        root = source
        entries = corpus_of_both(root, name) if (root / MANIFEST).exists() else below(root, name)
    elif source.is_file():
        if cache is None:
            raise Refusal(f"{source}: is a file; a tar is unpacked before use, so say where to")
        root = unpacked(source, Path(cache))
        entries = corpus_of_both(root, name, source.stem)
    else:
        raise Refusal(f"{source}: no such folder or .tar; {EXPECTED}")
    parts = [Corpus(root, tuple(e for e in entries if e.label == label)) for label in ("real", "fake")]
    if not all(map(len, parts)):
        raise Refusal(f"{source}: {len(parts[0])} real and {len(parts[1])} fake pictures; both classes are needed")
    return parts[0], parts[1]


def corpus_of_both(root: Path, name: str | None, otherwise: str | None = None) -> list[Entry]:
    """Entries of a corpus of ours. `otherwise`: the name of makers and domains that it does not tell."""
    entries = []
    for entry in Corpus.open(root):
        domain = name or entry.domain or otherwise or own_name(root)
        maker = name or (otherwise if otherwise and entry.maker == "unknown" else entry.maker)
        entries.append(replace(entry, domain=domain, maker="camera" if entry.label == "real" else maker))
    return entries


def below(root: Path, name: str | None) -> list[Entry]:
    """Entries of all pairs of folders below `root`."""
    pairs = list(pairs_below(root, set()))
    if not pairs:
        raise Refusal(f"{root}: no data set with labels; {EXPECTED}")
    between = [real.parent.relative_to(root).parts for real, _ in pairs]
    held_out = any(part_of(folders) == "test" for folders in between)
    entries = []
    for pair, folders in zip(pairs, between, strict=True):
        told = [folder for folder in folders if not part_of((folder,))]
        place = name or (told[0] if told else own_name(root))
        kind = "/".join(told if name else told[1:])
        for folder, label in zip(pair, ("real", "fake"), strict=True):
            pictures = pictures_below(folder)
            if not pictures:
                raise Refusal(f"{folder}: no pictures; both classes are needed")
            maker = "camera" if label == "real" else place
            for path in pictures:
                group = "/".join((*folders, path.relative_to(folder).with_suffix("").as_posix()))
                split = split_of(group)
                if held_out:  # else nothing but its own parts would be tested on
                    split = "test" if part_of(folders) == "test" else split.replace("test", "train")
                where = path.relative_to(root).as_posix()
                entries.append(Entry(where, label, maker, domain=place, group=group, split=split, kind=kind))
    return entries


def pairs_below(folder: Path, seen: set[Path], deep: int = DEEPEST) -> Iterator[tuple[Path, Path]]:
    """(reals, fakes), in a stable order. Links to folders are followed, each folder is visited once (`seen`)."""
    try:
        if folder.resolve() in seen:
            return
        seen.add(folder.resolve())
        found = [path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."]
    except (OSError, RuntimeError) as error:
        raise Refusal(f"{folder} cannot be read ({getattr(error, 'strerror', None) or error})") from None
    inside = {path.name.lower(): path for path in found}
    for pair in PAIRS:
        there = [inside.pop(side) for side in pair if side in inside]
        if len(there) == 2:
            yield there[0], there[1]
        elif there:
            missing = next(side for side in pair if side != there[0].name.lower())
            raise Refusal(f"{folder}: holds {there[0].name} but no {missing}; both classes are needed")
    if deep:
        for path in inside.values():
            yield from pairs_below(path, seen, deep - 1)


def part_of(folders: tuple[str, ...]) -> str:
    """The part of a data set that these folders are in: "train", "test", or "" for none."""
    for folder in folders:
        if folder.lower() in (*LEARNT, *HELD_OUT):
            return "train" if folder.lower() in LEARNT else "test"
    return ""


def own_name(root: Path) -> str:
    """The folder's name; of `biggan/val` it is biggan."""
    place = root.resolve()
    names = (path.name for path in (place, *place.parents))
    return next((name for name in names if name and not part_of((name,))), "data")
