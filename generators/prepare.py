"""From a folder or zip of photos to a corpus: of one size, faces aligned on request, copies grouped or dropped.

Each source becomes a folder of its own in the corpus, so that several can be prepared into one. What is
done is noted in a journal picture by picture: the same command again goes on where it stopped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from forensics.corpus import Corpus, Entry, likeness, with_splits
from forensics.crew import Crew, Lost
from forensics.photo import SUFFIXES, Photo, UnreadableImage
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once
from generators.copies import copies_of, groups_of
from generators.cropping import Cut, LeftOut
from generators.journal import Origin, open_journal, rows_of, settle_settings, settled
from generators.labels import kind_of, told_by
from generators.source import Source

PER_WORKER = 100  # photos for which another process pays: it takes a second or two to start


@dataclass(frozen=True)
class Prepared:
    """What became of a source: pictures kept, and what was left out with the reason."""

    corpus: Corpus
    kept: int
    left_out: tuple[tuple[str, str], ...]  # name in the source, reason
    enlarged: int  # kept, but smaller than `size` before


def prepare(
    source: Path,
    target: Path,
    cut_: Cut,
    origin: Origin,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    dedupe: bool = False,
    workers: int = 1,
) -> Prepared:
    """Turn the photos of a folder or zip into pictures and manifest entries below `target`.

    Bad files are left out and listed in `left_out.csv`; so are near copies with `dedupe`, across all sources.
    Labels that the source tells go to the manifest's `class` column. The pictures are the same with any
    number of `workers`, processes, of which no more are started than pay. Raises Refusal for a source that
    is none or of which nothing is kept, a broken dataset.json, or a target that holds something else.
    """
    with Source(source) as photos:
        if target.resolve() == source.resolve() or source.resolve() in target.resolve().parents:
            raise Refusal(f"{target} lies inside the source {source}; choose a folder outside it")
        names, title = photos.names[:limit], photos.title
        if not names:
            raise Refusal(f"{source}: no pictures; expected {', '.join(sorted(SUFFIXES))} files")
        told, _ = told_by(photos)
    settle_settings(target, title, source, cut_, origin)
    noted = rows_of(target, title).items()
    done = {name: row for name, row in noted if "left_out" in row or (target / row["path"]).exists()}
    goals = goals_of(names, title, cut_, {n: row["path"] for n, row in done.items() if "path" in row})
    todo = [(name, goals[name], kind_of(told[name]) if name in told else "") for name in names if name not in done]
    ready = len(names) - len(todo)
    with open_journal(target, title) as note:
        rows = each(source, partial(one, target, cut_), todo, min(workers, 1 + len(todo) // PER_WORKER))
        for number, row in enumerate(rows, start=ready + 1):
            note(row)
            progress(number, len(names))
    if not todo:
        progress(ready, len(names))
    corpus = gather(target, dedupe)
    noted = rows_of(target, title)
    rows = [noted[name] for name in names]
    left_out = tuple((row["name"], row["left_out"]) for row in rows if "left_out" in row)
    if len(left_out) == len(rows):
        first, reason = left_out[0]
        said = f"none of its {len(rows):,} pictures was kept, see {target / 'left_out.csv'}"
        raise Refusal(f"{source}: {said}; the first, {first}: {reason}")
    enlarged = sum(row.get("enlarged", False) for row in rows)
    return Prepared(corpus, len(rows) - len(left_out), left_out, enlarged)


Task = tuple[str, str, str]  # name in the source, goal in the corpus, label


def each(source: Path, job: Callable[[Source, Task], dict], tasks: list[Task], workers: int) -> Iterator[dict]:
    """The journal's row of each task, in the order in which they are done."""
    if workers == 1:
        with Source(source) as photos:
            yield from (job(photos, task) for task in tasks)
        return
    with Crew(partial(Source, source), workers) as crew:
        for task, row in crew.map(job, tasks):
            yield {"name": task[0], "left_out": row.why} if isinstance(row, Lost) else row


def as_text(name: str) -> str:
    """A file name as UTF-8 can have it: bytes that were no text become underscores."""
    return re.sub("[\ud800-\udfff]", "_", name)


def goals_of(names: list[str], title: str, cut_: Cut, settled: dict[str, str]) -> dict[str, str]:
    """Where each photo goes, relative to the corpus; never outside it, never two to one place."""
    goals, taken = dict(settled), {goal.lower() for goal in settled.values()}
    for name in (n for n in names if n not in settled):
        inside = PurePosixPath(title, *(as_text(p) for p in PurePosixPath(name).parts if p not in ("..", "/")))
        goal = inside if cut_.size is None else inside.with_suffix(".png")
        if goal.as_posix().lower() in taken:
            goal = inside.with_name(inside.name.replace(".", "-") + goal.suffix)
        taken.add(goal.as_posix().lower())
        goals[name] = goal.as_posix()
    return goals


def one(target: Path, cut_: Cut, photos: Source, task: Task) -> dict:
    """Prepare one photo; the journal's row for it."""
    name, goal, kind = task
    try:
        photo = photos.open(name)
        data, height, width = photo.data, photo.height, photo.width
        if cut_.size is not None:
            pixels = cut_.made(photo)
            data, (height, width) = png(pixels), pixels.shape[:2]
    except (UnreadableImage, LeftOut) as reason:
        return {"name": name, "left_out": str(reason)}
    path = target / goal
    path.parent.mkdir(parents=True, exist_ok=True)
    with at_once(path) as part:
        part.write_bytes(data)
    row = {"name": name, "path": goal, "width": width, "height": height, "sha256": sha256(data).hexdigest()}
    if cut_.size and (photo.height < cut_.shape[0] or photo.width < cut_.shape[1]):
        row["enlarged"] = True
    if kind:
        row["class"] = kind
    return row | {"pixels": photo.height * photo.width, "likeness": likeness(photo.pixels)}


def png(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def gather(target: Path, dedupe: bool = False) -> Corpus:
    """The manifest of all sources prepared so far: groups of copies, splits by group; written and returned."""
    if dedupe:
        drop_copies(target)
    rows, left_out = [], []
    for title, told in settled(target).items():
        for row in rows_of(target, title).values():
            if "left_out" in row:
                left_out.append((as_text(f"{title}/{row['name']}"), row["left_out"]))
            else:
                rows.append((title, told, row))
    rows.sort(key=lambda found: found[2]["path"])  # whatever came first, the corpus is the same
    groups = groups_of([row["likeness"] for _, _, row in rows])
    entries = (
        Entry(
            path=row["path"],
            label=told["label"],
            maker=told["maker"],
            domain=told["domain"] or title,
            group=group,
            width=row["width"],
            height=row["height"],
            sha256=row["sha256"],
            source=as_text(f"{title}/{row['name']}"),
            licence=told.get("licence", ""),
            kind=row.get("class", ""),
        )
        for (title, told, row), group in zip(rows, groups, strict=True)
    )
    corpus = Corpus(target, with_splits(entries))
    table = StringIO()
    csv.writer(table, lineterminator="\n").writerows([("name", "reason"), *sorted(left_out)])
    write_at_once(target / "left_out.csv", table.getvalue())
    corpus.save()
    return corpus


def drop_copies(target: Path) -> None:
    """Note near copies of other pictures of the corpus as left out, and remove them. The largest photo stays."""
    found = [
        (title, row)
        for title in settled(target)
        for row in rows_of(target, title).values()
        if "path" in row and (target / row["path"]).exists()
    ]
    found.sort(key=lambda pair: pair[1]["path"])
    rows = [row for _, row in found]
    sizes = [row.get("pixels", row["width"] * row["height"]) for row in rows]
    copies = copies_of(
        [row["likeness"] for row in rows], sizes, lambda i: Photo.open(target / rows[i]["path"]).pixels
    )
    for number, kept in sorted(copies.items()):
        (title, row), (kept_title, kept_row) = found[number], found[kept]
        with open_journal(target, title) as note:
            note({"name": row["name"], "left_out": as_text(f"a copy of {kept_title}/{kept_row['name']}")})
        (target / row["path"]).unlink()
