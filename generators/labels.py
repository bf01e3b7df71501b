"""What each photo shows, told by dataset.json, a manifest's `class` column, or one sub-folder a class.

dataset.json, at the top of a folder or zip, is the layout of the StyleGAN2-ADA data sets:
`{"labels": [["00000/img00000000.png", 3], ...]}`, or null for none. A label is a whole number, which becomes
a one-hot row of as many columns as the largest one needs, or a list of numbers, which is a row as it is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from forensics.corpus import MANIFEST, Corpus, parse_manifest
from forensics.refusal import Refusal
from generators.source import Source

DATASET = "dataset.json"
MOST_CLASSES = 65_536
MOST_NUMBERS = 2**29  # in all rows of labels: 2 GiB
SHARD = 5  # digits; a folder named by so many or more ("00012", "069000") holds a share of the photos, no class

Told = int | str | tuple[float, ...]  # a class's number or name, or a whole row


def labels_of(corpus: Corpus, wanted: bool | None) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """One row a photo of the corpus, (N, K) float32, and the names of the K columns; None and () without.

    `wanted`: True for --cond, False for --no-cond, None when neither was said. Raises Refusal when labels
    are wanted and missing, when there are some and nobody said what to do with them, or when they are broken.
    """
    if wanted is False:
        return None, ()
    with Source(corpus.root) as source:
        told, origin = told_by(source)
    missing = [entry.path for entry in corpus if entry.path not in told]
    some = f"{len(missing):,} of {len(corpus):,} photos" if missing else ""
    if wanted is None:
        if told and missing:
            raise Refusal(
                f"{corpus.root} has labels ({origin}), but {some} have none, the first {missing[0]}; give each one, "
                "or take it out, and say --cond; or --no-cond to leave all labels"
            )
        if told:
            raise Refusal(
                f"{corpus.root} has labels ({origin}); say --cond to train with them, or --no-cond to leave them"
            )
        return None, ()
    if not told:
        raise Refusal(
            f"--cond: {corpus.root} has no labels; give {DATASET}, a manifest with a class column, or a "
            "sub-folder for each class; or say --no-cond"
        )
    if missing:
        raise Refusal(
            f"--cond: {some} of {corpus.root} have no label in its {origin}; the first: {missing[0]}; give each one, "
            "or take it out, or say --no-cond"
        )
    return rows_of([told[entry.path] for entry in corpus], f"{corpus.root}: {origin}")


def told_by(source: Source) -> tuple[dict[str, Told], str]:
    """What is told of which photo, by its path in the source; and where it is told."""
    told = told_by_dataset(source)
    if told:
        return told, DATASET
    manifest = source.text_file(MANIFEST)
    if manifest is not None:
        try:
            entries = parse_manifest(manifest, str(source.path))
        except Refusal:
            pass  # somebody else's file of that name
        else:
            return {e.path: read_kind(e.kind) for e in entries if e.kind}, f"class column of {MANIFEST}"
    return dict(class_folders(source.names)), "sub-folders"


def told_by_dataset(source: Source) -> dict[str, Told]:
    """The labels of a dataset.json, by file name; empty when there is none. Raises Refusal when it is broken."""
    data, where = source.text_file(DATASET), f"{source.path}: {DATASET}"
    if data is None:
        return {}
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{where} is no JSON ({error})") from None
    labels = found.get("labels") if isinstance(found, dict) else None
    names = found.get("classes") if isinstance(found, dict) else None
    if labels is None:
        return {}
    pairs = list(labels.items()) if isinstance(labels, dict) else labels
    if not isinstance(pairs, list):
        raise Refusal(f'{where}: "labels" must be a list of [file name, label], or null')
    told: dict[str, Told] = {}
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)):
            raise Refusal(f"{where}: {json.dumps(pair)[:60]} is no [file name, label]")
        name, label = pair
        told[name.replace("\\", "/")] = checked(label, f"{where}: label of {name}")
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return {k: names[v] if isinstance(v, int) and v < len(names) else v for k, v in told.items()}
    return told


def checked(label: object, where: str) -> Told:
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < MOST_CLASSES:
        return label
    if isinstance(label, list) and 0 < len(label) <= MOST_CLASSES and all(map(is_number, label)):
        return tuple(float(number) for number in label)
    raise Refusal(f"{where} is {json.dumps(label)[:60]}; it must be 0 to {MOST_CLASSES - 1}, or a list of numbers")


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def class_folders(paths: Sequence[str]) -> Mapping[str, str]:
    """The class of each path, by its sub-folder; empty unless there are at least two of them.

    Folders above the first fork do not count, nor do numbered shares of one collection ("00012"). What lies
    beside the classes' folders, in none of them, has no class: `labels_of` refuses it.
    """
    folders = {path: PurePosixPath(path).parts[:-1] for path in paths}
    for level in range(max(map(len, folders.values()), default=0)):
        found = {path: parts[level] for path, parts in folders.items() if len(parts) > level}
        names = set(found.values())
        if len(names) > 1:
            return {} if all(name.isdecimal() and len(name) >= SHARD for name in names) else found
    return {}


def kind_of(told: Told) -> str:
    """A label as a manifest's class column has it."""
    return json.dumps(list(told)) if isinstance(told, tuple) else str(told)


def read_kind(kind: str) -> Told:
    """The label in a manifest's class column: a list of numbers, or else a name."""
    if kind.startswith("["):
        try:
            return checked(json.loads(kind), f"{MANIFEST}: class")
        except (ValueError, RecursionError):
            pass
    return kind


def rows_of(told: Sequence[Told], where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels of one sort as rows, (N, K) float32, and the columns' names. Names are columns in their order."""
    sorts = {type(label) for label in told}
    if len(sorts) > 1:
        raise Refusal(f"{where}: some labels are numbers, some names or lists; they must be of one sort")
    if sorts == {tuple}:
        lengths = {len(row) for row in told}
        if len(lengths) > 1:
            raise Refusal(f"{where}: lists of {min(lengths)} to {max(lengths)} numbers; they must be of one length")
        (columns,) = lengths
        names = tuple(str(column) for column in range(columns))
    elif sorts == {int}:
        columns = max(told) + 1
        names = tuple(str(column) for column in range(columns))
    else:
        names = tuple(sorted(set(told), key=lambda name: (not name.isdecimal(), len(name) * name.isdecimal(), name)))
        columns = len(names)
    if columns > MOST_CLASSES or columns * len(told) > MOST_NUMBERS:
        raise Refusal(f"{where}: {columns:,} columns for {len(told):,} photos are more than can be held")
    if sorts == {tuple}:
        return np.array(told, dtype=np.float32), names
    place = {name: column for column, name in enumerate(names)}
    rows = np.zeros((len(told), columns), dtype=np.float32)
    rows[np.arange(len(told)), [place[str(label)] for label in told]] = 1
    return rows, names
