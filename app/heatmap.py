"""A heat map of a measured table: each number on its colour, its interval under it or in its tooltip.

An AUC is coloured by how far it is from chance, 0.5: blue where the classes are told apart, vermillion where they are
told the wrong way round (Okabe & Ito 2008: told by all eyes). Other shares go from nothing to blue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from app import measured
from app.words import say
from benchmarks.table import Measure, Table, digits

CHANCE = 0.5
DEEPEST = 58  # per cent of the colour: text stays readable on it, in light and dark
ROOMY = 8  # columns up to which intervals are written out


@dataclass(frozen=True)
class Tint:
    """A cell as it is drawn."""

    value: str
    interval: str
    told: str  # its tooltip
    colour: str


@dataclass(frozen=True)
class Key:
    """What the colours mean."""

    low: str
    high: str
    middle: str
    colours: tuple[str, ...]


def fits(table: Table) -> bool:
    """Whether its cells can be compared by colour: AUCs, or shares that one and the same line explains."""
    return of_shares(table) and (of_areas(table) or len({column.about for column in table.columns[1:]}) == 1)


def of_shares(table: Table) -> bool:
    """Whether all cells but the names are measures in [0, 1], at least two a row, at least one a number."""
    cells = [cell for row in table.rows for cell in row[1:]]
    units = {column.unit for column in table.columns[1:]}
    if len(table.columns) < 3 or len(units) > 1 or not all(isinstance(cell, Measure) for cell in cells):
        return False
    values = [cell.value for cell in cells if isinstance(cell, Measure) and not math.isnan(cell.value)]
    return bool(values) and all(0 <= value <= 1 for value in values)


def of_areas(table: Table) -> bool:
    """Whether its cells are AUCs: their chance is one half."""
    return "AUC" in table.title


def show(table: Table) -> None:
    roomy = len(table.columns) <= ROOMY + 1
    about_chance = of_areas(table)
    rows = [(row[0], [tint(cell, about_chance, roomy) for cell in row[1:]]) for row in table.rows]
    measured.draw("heat", table, rows, key(about_chance))


def tint(cell: Measure, about_chance: bool, roomy: bool) -> Tint:
    bounds = cell.low is not None and cell.high is not None and not math.isnan(cell.value)
    interval = f"{digits(cell.low)}–{digits(cell.high)}" if bounds else ""
    return Tint(digits(cell.value), interval if roomy else "", str(cell), colour(cell.value, about_chance))


def colour(value: float, about_chance: bool) -> str:
    """CSS; the deeper, the farther from chance, or from 0."""
    if math.isnan(value):
        return "transparent"
    if not about_chance:
        return mixed("camera", value)
    return mixed("camera" if value > CHANCE else "generator", abs(value - CHANCE) / CHANCE)


def mixed(name: str, strength: float) -> str:
    return f"color-mix(in srgb,var(--{name}) {DEEPEST * strength:.0f}%,transparent)"


def key(about_chance: bool) -> Key:
    stops = tuple(colour(i / 4, about_chance) for i in range(5))
    if about_chance:
        ends = say("benchmarks.chance_low"), say("benchmarks.chance_high")
        return Key(*ends, say("benchmarks.chance_middle"), stops)
    return Key("0", "1", "", stops)
