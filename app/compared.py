"""What the session keeps of two compared files: words, numbers and previews, never the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from app.words import say
from forensics.likeness import LARGEST, Likeness, compare
from forensics.likeness.alignment import Fit
from forensics.likeness.perceptual import MATCH, Turn
from forensics.photo import Photo
from forensics.shown import LONGEST, Picture, shrunk, stored

SESSION = "compared"
WIDEST = 1600  # px of the longer side of what the slider and the map show


@dataclass(frozen=True)
class Compared:
    """A likeness without its pixels. Pictures are None where the files could not be laid on each other."""

    likeness: Likeness
    first: Picture | None
    second: Picture | None
    map: Picture | None


def compared(one: Photo, other: Photo) -> Compared:
    """Computed once for two files; the session remembers the last two."""
    key = one.sha256, other.sha256
    kept = st.session_state.get(SESSION)
    if kept is None or kept[0] != key:
        kept = st.session_state[SESSION] = key, previews(compare(one, other))
    return kept[1]


def previews(found: Likeness) -> Compared:
    """Lossless; shrunk if larger than a screen."""
    pictures = found.first, found.laid, found.difference and found.difference.map
    first, second, drawn = (p if p is None else stored(shrunk(p, WIDEST), "PNG", "") for p in pictures)
    nothing = found.first[:0]
    light = found.difference and replace(found.difference, map=nothing)
    kept = replace(found, first=nothing, laid=None, difference=light)
    return Compared(kept, first if second else None, second, drawn)


def relation(found: Likeness) -> tuple[str, str, str]:
    """What they are to each other, what follows from it, and what does not."""
    it = found.relation
    return say(f"compare.{it}"), say(f"compare.{it}_follows"), say(f"compare.{it}_not")


def told(found: Likeness) -> Sequence[str]:
    """Sentences: what one file has more of."""
    return [say(f"compare.{lead}_{'second' if which else 'first'}") for lead, which in found.leads.items()]


def looks(found: Likeness) -> str:
    """What the distance of the perceptual hashes means."""
    if not all(look.reliable for look in found.looks):
        return say("compare.pdq_flat")
    if found.bits <= MATCH:
        return say("compare.pdq_match", bits=found.bits)
    if found.turned_bits <= MATCH:
        return say("compare.pdq_turned", bits=found.bits, turned=found.turned_bits, how=turn(found.turn))
    return say("compare.pdq_none", bits=found.bits)


def turn(value: Turn) -> str:
    return say(f"compare.turn_{value}")


def laid(found: Likeness) -> str:
    """How the second was laid on the first."""
    alignment = found.alignment
    if alignment is None:
        return say("compare.not_aligned")
    words = [say("compare.laid_turned", how=turn(alignment.turn))] if alignment.turn is not Turn.NONE else []
    if alignment.fit is Fit.SHIFTED:
        x, y = (int(v) for v in alignment.matrix[:, 2])
        words.append(say("compare.laid_shifted", x=x, y=y) if x or y else say("compare.laid_as_is"))
    elif alignment.fit is Fit.SCALED:
        words.append(say("compare.laid_scaled", scale=f"{alignment.scale:.3g}"))
    else:
        words.append(
            say(
                "compare.laid_warped",
                scale=f"{alignment.scale:.3g}",
                degrees=f"{round(alignment.degrees, 1) + 0:.1f}",
            )
        )
    if alignment.matches:
        words.append(say("compare.agreeing", agreeing=alignment.agreeing, matches=alignment.matches))
    return " ".join(words)


def numbers(found: Likeness) -> list[tuple[str, str]]:
    """The difference, in rows."""
    it = found.difference
    rows = [
        (say("compare.covered"), f"{it.covered:.1%}"),
        (say("compare.differing"), f"{it.differing:.2%}"),
        (say("compare.visibly"), f"{it.visibly:.2%}"),
        (say("compare.rms"), f"{it.rms:.2f}"),
        (say("compare.largest"), f"{it.largest}"),
        (say("compare.psnr"), say("compare.psnr_none") if it.psnr is None else f"{it.psnr:.1f} dB"),
    ]
    if found.shrunk:
        rows.append((say("compare.measured_at"), f"≤ {LARGEST} px"))
    return rows


def rows(found: Likeness, differing: bool) -> list[tuple[str, str, str]]:
    """Metadata that differ, or that are the same; values shortened."""
    shown = [entry for entry in found.metadata if entry.differs is differing]
    return [(entry.name, short(entry.first), short(entry.second)) for entry in shown]


def short(value: str | None) -> str:
    if value is None:
        return "–"
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}… ({len(value):,})"
