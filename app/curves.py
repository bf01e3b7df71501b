"""Curves of a measured table whose rows are conditions: one family at a time, with the detectors one asks for.

Drawn by the Vega-Lite that comes with Streamlit: nothing is fetched. The static figure of all families:
benchmarks/robustness/figure.py, whose colours and order are kept here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import streamlit as st

from app import heatmap
from app.measured import draw
from app.words import say
from benchmarks.detection.tables import VERDICT
from benchmarks.robustness.conditions import CONDITIONS, NATIVE, Condition, Family, families
from benchmarks.robustness.figure import CHANCE, COLOURS, INK, LOWEST, QUIET, STROKES, measured
from benchmarks.table import Measure, Table, digits
from forensics.shown import plain

DASHES = {"-": [1, 0], "--": [6, 4], ":": [2, 3]}
PALE = "#f2f3f5"  # what INK is on a dark page
AT_FIRST = 3  # detectors shown beside the verdict: those best under the first condition
HIGH = 440  # px


def fits(table: Table) -> bool:
    return heatmap.of_shares(table) and bool(families(conditions_of(table)))


def conditions_of(table: Table) -> tuple[Condition, ...]:
    """Those that its rows are named after, in their order; names of earlier versions are passed over."""
    named = {row[0] for row in table.rows}
    return tuple(c for c in CONDITIONS if c.name in named)


def show(table: Table) -> None:
    conditions = conditions_of(table)
    names = [plain(column.name) for column in table.columns[1:]]
    left, right = st.columns([1, 2])
    titles = {family.title: family for family in families(conditions)}
    family = titles[left.selectbox(say("benchmarks.family"), list(titles), key=f"family-{table.name}")]
    label = say("benchmarks.curves")
    chosen = right.multiselect(label, names, default=at_first(table, names), key=f"curves-{table.name}")
    found = points(table, family, [c for c in conditions if c.family == family or c is NATIVE], chosen)
    if not found:
        draw("line", [say("benchmarks.nothing")])
        return
    told = say("benchmarks.curves_alt", family=family.title)
    st.altair_chart(chart(table, family, found, names), key=f"chart-{table.name}", alt=told)


def at_first(table: Table, names: Sequence[str]) -> list[str]:
    """The verdict and the best detectors under the first condition; all columns where they are no detectors."""
    if VERDICT not in names:
        return list(names)
    first = {name: cell.value for name, cell in zip(names, table.rows[0][1:], strict=True) if measured(cell)}
    best = sorted((name for name in first if name != VERDICT), key=lambda name: -first[name])
    return [VERDICT, *best[:AT_FIRST]]


def points(
    table: Table, family: Family, conditions: Sequence[Condition], chosen: Sequence[str]
) -> list[dict[str, object]]:
    """One a condition and curve that has a number; the photo as it came stands where its strength belongs."""
    rows = {row[0]: row[1:] for row in table.rows}
    own = [c for c in conditions if c is not NATIVE]
    start = sum(c.label in family.left for c in own)
    places = [*own[:start], *(c for c in conditions if c is NATIVE), *own[start:]]
    found = []
    for column, name in enumerate(plain(column.name) for column in table.columns[1:]):
        cells = [(i, c, rows[c.name][column]) for i, c in enumerate(places)] if name in chosen else []
        found += [point(name, i, c, cell) for i, c, cell in cells if measured(cell)]
    return found


def point(name: str, place: int, condition: Condition, cell: Measure) -> dict[str, object]:
    return {
        "curve": name,
        "place": place,
        "at": say("benchmarks.as_is") if condition is NATIVE else condition.label,
        "what": condition.about,
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "interval": "" if cell.low is None or cell.high is None else f"{digits(cell.low)} – {digits(cell.high)}",
        "n": cell.n,
    }


def chart(table: Table, family: Family, found: Sequence[dict[str, object]], names: Sequence[str]) -> alt.LayerChart:
    """Lines with their points; the interval of the verdict, or of the only curve; chance as a dotted line."""
    drawn = list(dict.fromkeys(p["curve"] for p in found))
    lowest = min(LOWEST.get(table.name, 0.0), *(p["value"] for p in found))
    height = alt.Scale(domain=[max(0.0, math.floor(lowest * 20) / 20), 1.0], zero=False)
    up = alt.Y("value:Q", scale=height, axis=alt.Axis(title=None, format=".2f"))
    hues = alt.Scale(domain=drawn, range=[colour(names, name) for name in drawn])
    dashes = alt.Scale(domain=drawn, range=[DASHES[stroke(names, name)] for name in drawn])
    across = 2 if len(drawn) <= 6 else 3  # so that a phone shows all names
    legend = alt.Legend(title=None, orient="bottom", columns=across, symbolType="stroke", symbolSize=500)
    hue = alt.Color("curve:N", scale=hues, legend=legend)
    whole = placed(found, family)
    layers = [
        whole.mark_line(strokeWidth=2.2).encode(
            y=up, color=hue, strokeDash=alt.StrokeDash("curve:N", scale=dashes, legend=legend)
        ),
        whole.mark_circle(size=52, opacity=1).encode(
            y=up, color=alt.Color("curve:N", scale=hues, legend=None), tooltip=tooltip()
        ),
    ]
    told = VERDICT if VERDICT in drawn else drawn[0] if len(drawn) == 1 else None
    own = [p for p in found if p["curve"] == told and p["low"] is not None]
    if own:
        band = placed(own, family).mark_area(opacity=0.16, color=colour(names, told))
        layers.insert(0, band.encode(y=alt.Y("low:Q", scale=height), y2="high:Q"))
    if table.name in CHANCE:
        rule = alt.Chart(alt.Data(values=[{"chance": CHANCE[table.name]}])).mark_rule(color=QUIET, strokeDash=[2, 4])
        layers.insert(0, rule.encode(y=alt.Y("chance:Q", scale=height)))
    return alt.layer(*layers).properties(height=HIGH)


def tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("curve:N", title=say("benchmarks.curve")),
        alt.Tooltip("what:N", title=say("benchmarks.condition")),
        alt.Tooltip("value:Q", title=say("benchmarks.value"), format=".3f"),
        alt.Tooltip("interval:N", title=say("benchmarks.interval_short")),
        alt.Tooltip("n:Q", title=say("benchmarks.n")),
    ]


def placed(found: Sequence[dict[str, object]], family: Family) -> alt.Chart:
    """Points beside each other in the order of their conditions."""
    places = [p["at"] for p in sorted(found, key=lambda p: p["place"])]
    scale = alt.Scale(domain=list(dict.fromkeys(places)))
    across = alt.X("at:N", sort=None, scale=scale, axis=alt.Axis(title=family.axis, labelAngle=0))
    return alt.Chart(alt.Data(values=list(found))).encode(x=across)


def colour(names: Sequence[str], name: str) -> str:
    if name == VERDICT:
        return PALE if st.context.theme.type == "dark" else INK
    return COLOURS[names.index(name) % len(COLOURS)]


def stroke(names: Sequence[str], name: str) -> str:
    return "-" if name == VERDICT else STROKES[names.index(name) // len(COLOURS) % len(STROKES)]
