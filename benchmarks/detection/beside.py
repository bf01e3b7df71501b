"""Who is measured: the panel, its verdict, and, beside them, published detectors and plug-ins.

Those beside the panel are never given to `inspect`: a verdict is the same with them and without, whatever they do.
Each has a row of its own. Everything here runs in a worker, so that what others wrote is imported there alone;
what the benchmark needs to know of it comes back as a `Cast`.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import forensics
from forensics.calibration import Calibration
from forensics.corpus import file_sha256
from forensics.evidence import Detector
from forensics.refusal import Refusal
from forensics.scan import Examiners

if TYPE_CHECKING:
    from detectors.published import Manifest, PublishedDetector

VERDICT = "verdict"  # the row of the whole panel
PHOTO = "photo"  # what is kept of a photo itself; no detector may have its name
PANEL, PUBLISHED, PLUGGED, WHOLE = "panel", "published", "plugged in", "whole panel"  # kinds of row


@dataclass(frozen=True)
class Wanted:
    """Whose rows there will be. The panel alone, with its verdict, when nothing is said."""

    names: tuple[str, ...] | None = None  # of any detectors, and "verdict"; None: all
    beside: bool = False  # whether published detectors and plug-ins are there too
    published: Path | None = None  # folder of published detectors' weights; None: the user's


@dataclass(frozen=True)
class Entrant:
    """Somebody whose answers are kept and measured."""

    name: str
    kind: str  # PANEL, PUBLISHED, PLUGGED or WHOLE
    by: str = ""  # "Meso-4 (2018)", "acme 1.2"
    weights: str | None = None  # sha256
    version: str = ""  # what must be the same for the same answers, hashed
    threshold: float | None = None  # the score over which it says "generated"; None: it has none
    scores: bool = True

    @property
    def key(self) -> str:
        """Of its answers among those that are kept."""
        return f"{self.name}@{self.version[:12]}"


@dataclass(frozen=True)
class Absent:
    """A published detector whose weights are not there."""

    title: str
    year: int
    how_to_get_it: str


@dataclass(frozen=True)
class Cast:
    """Everybody, told by a worker."""

    panel: tuple[Entrant, ...]  # all members, in order
    verdict: Entrant
    beside: tuple[Entrant, ...]
    names: frozenset[str]  # of those who were chosen
    absent: tuple[Absent, ...]
    folder: Path | None  # in which they were looked for
    calibration: str  # its sha256

    @property
    def judged(self) -> bool:
        """Whether there is a verdict, which takes the whole panel."""
        return VERDICT in self.names

    @property
    def asked(self) -> tuple[Entrant, ...]:
        """Members of the panel that have to answer."""
        return tuple(each for each in self.panel if self.judged or each.name in self.names)

    @property
    def shown(self) -> tuple[Entrant, ...]:
        """In the order of the rows."""
        chosen = (each for each in (*self.panel, *self.beside, self.verdict) if each.name in self.names)
        return tuple(each for each in chosen if each.scores)


@dataclass(frozen=True, eq=False)
class Held:
    """What a worker holds."""

    panel: Sequence[Detector]
    calibration: Calibration
    beside: tuple[tuple[Entrant, Detector], ...] = ()
    names: frozenset[str] = frozenset()
    absent: tuple[Absent, ...] = ()
    folder: Path | None = None


def hold(load: Callable[[], Examiners], wanted: Wanted) -> Held:
    """Load the panel, and those beside it that are wanted.

    Raises Refusal for a name that nobody has or two have, and for weights or plug-ins that cannot be used.
    """
    panel, calibration = load()
    members = [detector.name for detector in panel if detector.scores]
    if not wanted.beside:
        return Held(panel, calibration, names=chosen(wanted.names, {PANEL: members}))
    from detectors.plugged import plug_ins
    from detectors.published import PUBLISHED as published
    from detectors.published import published_folder

    folder, found = wanted.published or published_folder(), plug_ins()
    kinds = {PANEL: members, PUBLISHED: [p.name for p in published], PLUGGED: [p.name for p in found]}
    names = chosen(wanted.names, kinds)
    taken = Counter([*(d.name for d in panel), *kinds[PUBLISHED], *kinds[PLUGGED], VERDICT, PHOTO])
    for plug_in in found:
        if plug_in.name in names and taken[plug_in.name] > 1:
            raise Refusal(f"{plug_in}: the name is taken by another detector; {plug_in.what_to_do}")
    beside: list[tuple[Entrant, Detector]] = []
    absent = []
    for member in published:
        lacking = next((m for m in (member.manifest, *member.manifest.needs) if not there(m, folder)), None)
        if member.name in names and lacking:
            absent.append(Absent(member.manifest.title, member.manifest.year, lacking.how_to_get_it))
        elif member.name in names:
            beside.append(load_published(member, folder))
    for plug_in in found:
        if plug_in.name in names:
            detector = plug_in.load(folder)
            version = hashed(detector.weights, plug_in.by, source_of(detector.detector))
            told = Entrant(plug_in.name, PLUGGED, plug_in.by, detector.weights, version, detector.threshold)
            beside.append((told, detector))
    if not (beside or names & {VERDICT, *members}):
        missing = "; ".join(f"{each.title}: {each.how_to_get_it}" for each in absent)
        raise Refusal(f"no weights in {folder} for what was asked for: {missing}")
    return Held(panel, calibration, tuple(beside), names, tuple(absent), folder)


def chosen(names: Sequence[str] | None, kinds: dict[str, list[str]]) -> frozenset[str]:
    """Raises Refusal for an unknown name, with all that are known."""
    known = [VERDICT, *(name for members in kinds.values() for name in members)]
    unknown = [name for name in names or () if name not in known]
    if unknown or names == ():
        allowed = "; ".join(f"{kind}: {', '.join(members)}" for kind, members in kinds.items() if members)
        told = f"no detector is named {', '.join(map(repr, unknown))}" if unknown else "no detector is named"
        raise Refusal(f"--detectors: {told}; choose from {VERDICT} (the whole panel); {allowed}")
    return frozenset(known if names is None else names)


def there(manifest: Manifest, folder: Path) -> bool:
    """Whether any file is meant to be these weights, a good one or a bad one."""
    bare = (manifest.stem + suffix for suffix in manifest.suffixes)
    return any((folder / name).is_file() for name in (*manifest.names, *bare))


def load_published(member: type[PublishedDetector], folder: Path) -> tuple[Entrant, Detector]:
    try:
        detector = member.load(folder)
    except Refusal:
        raise
    except Exception as error:  # files of others may break any reader
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise Refusal(f"{member.manifest.title}: its weights in {folder} cannot be used ({why})") from None
    by = f"{member.manifest.title} ({member.manifest.year}){f', {detector.variant}' if detector.variant else ''}"
    version = hashed(detector.weights, detector.variant, source_of(detector))
    return Entrant(member.name, PUBLISHED, by, detector.weights, version, member.manifest.threshold), detector


def describe(held: Held, _: None) -> Cast:
    """In a worker: what the benchmark needs to know of everybody."""
    panel = []
    for detector in held.panel:
        line = held.calibration.lines.get(detector.name)
        neutral = -line.offset / line.slope if line else None  # where its calibration says LR 1
        version = hashed(detector.weights, source_of(detector))
        panel.append(Entrant(detector.name, PANEL, "", detector.weights, version, neutral, detector.scores))
    whole = hashed(held.calibration.sha256, *(each.version for each in panel))
    verdict = Entrant(VERDICT, WHOLE, "", None, whole, 0.0)
    beside = tuple(told for told, _ in held.beside)
    return Cast(tuple(panel), verdict, beside, held.names, held.absent, held.folder, held.calibration.sha256)


def source_of(detector: object) -> str | None:
    """sha256 of the file that a detector's class is written in: edited, it is asked anew."""
    try:
        return file_sha256(Path(inspect.getfile(type(detector))))
    except (TypeError, OSError):
        return None


def hashed(*parts: object) -> str:
    """Of everything that decides an answer, and of the version of this package."""
    return hashlib.sha256(json.dumps([forensics.__version__, *parts]).encode()).hexdigest()


def weights_of(entrants: Iterable[Entrant]) -> dict[str, str]:
    return {each.name: each.weights for each in entrants if each.weights}
