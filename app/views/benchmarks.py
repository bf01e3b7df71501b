"""Benchmarks: what was measured, as it is stored: tables to sort, heat maps, curves, photos that were got wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

import streamlit as st

from app import curves, drawing, heatmap, measured
from app.sortable import explained, sortable
from app.views import gallery
from app.words import say
from benchmarks import BENCHMARKS
from benchmarks.detection.mistakes import read_mistakes
from benchmarks.table import Measure, Result, Table
from forensics import places
from forensics.shown import plain

WHOLE = 20  # rows up to which a table is shown without scrolling
QUESTIONS = {benchmark.name: benchmark.question for benchmark in BENCHMARKS}


def page() -> None:
    measured.draw("style")
    st.title(say("benchmarks.title"), anchor=False)
    st.write(say("benchmarks.about"))
    results = Result.stored_in(places.RESULTS, places.RUNS / "bench")
    if not results:
        drawing.notice(say("benchmarks.none"), say("benchmarks.none_about"))
        return
    one(chosen(results))


def chosen(results: Sequence[Result]) -> Result:
    """A benchmark, then one of its runs, the newest first."""
    known = [name for name in QUESTIONS if any(r.benchmark == name for r in results)]
    names = list(dict.fromkeys([*known, *(r.benchmark for r in results)]))
    titles = {r.benchmark: measured.literal(r.title) for r in reversed(results)}
    name = st.segmented_control(
        say("benchmarks.benchmark"),
        names,
        default=names[0],
        required=True,
        format_func=titles.__getitem__,
        key="benchmark",
    )
    for benchmark, question in QUESTIONS.items():
        if name and name.startswith(benchmark):  # kernels-DEVICE too
            st.subheader(question, anchor=False)
    runs = [r for r in results if r.benchmark == (name or names[0])]
    labels = [label(run, runs) for run in runs]
    at = st.selectbox(say("benchmarks.run"), range(len(runs)), format_func=labels.__getitem__, key=f"run-{name}")
    return runs[at or 0]


def label(run: Result, runs: Sequence[Result]) -> str:
    """When it was run, and those of its settings in which the runs differ."""
    told = [f"{key} {value}" for key, value in run.stamp.settings.items() if short(value) and differs(key, runs)]
    return plain(", ".join([when(run.stamp.date), *told]))


def short(value: object) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 24)


def differs(key: str, runs: Sequence[Result]) -> bool:
    return len({str(run.stamp.settings.get(key)) for run in runs}) > 1


def when(date: str) -> str:
    try:
        return f"{datetime.fromisoformat(date):%-d %B %Y, %H:%M}"
    except ValueError:
        return date


def one(result: Result) -> None:
    if result.warnings:
        measured.draw("warnings", result.warnings)
    measured.draw("line", summary(result))
    for name, png in result.figures.items():
        st.image(png, alt=plain(say("benchmarks.figure_alt", title=result.title, name=name)))
    for table in result.tables:
        shown(table, result)
    with st.container(horizontal=True):
        name = f"{result.benchmark}-{result.stamp.date[:10]}"
        offered("json", result.as_json(), f"{name}.json", "application/json")
        offered("markdown", result.as_markdown(), f"{name}.md", "text/markdown")
    with st.expander(say("benchmarks.measured_with")):
        stamp = {name: value for name, value in asdict(result.stamp).items() if value not in (None, "", {})}
        drawing.pairs(say("benchmarks.stamp"), [row for name, value in stamp.items() for row in rows(name, value)])


def offered(form: str, text: str, name: str, kind: str) -> None:
    st.download_button(say(f"benchmarks.{form}"), text, name, kind, on_click="ignore", key=f"benchmarks-{form}")


def summary(result: Result) -> list[str]:
    """What it was measured on, in a line."""
    stamp = result.stamp
    cells = (cell for table in result.tables for row in table.rows for cell in row)
    most = max((cell.n for cell in cells if isinstance(cell, Measure) and cell.n is not None), default=None)
    corpora = [path.rstrip("/").rsplit("/", 1)[-1] for path in stamp.corpora]
    facts = [
        say("benchmarks.n_up_to", n=f"{most:,}") if most is not None else "",
        ", ".join(corpora) if len(corpora) <= 3 else say("benchmarks.corpora", n=len(corpora)),
        stamp.device,
        when(stamp.date),
        committed(stamp.commit) if stamp.commit else "",
    ]
    return [fact for fact in facts if fact]


def committed(commit: str) -> str:
    if commit.endswith("+changes"):
        return say("benchmarks.commit_changed", commit=commit[:7])
    return say("benchmarks.commit", commit=commit[:7])


def shown(table: Table, result: Result) -> None:
    """A table in the way that one chooses, the most telling first; its notes."""
    measured.draw("title", table.title)
    ways = ways_of(table)
    key = f"way-{result.benchmark}-{table.name}"
    way = next(iter(ways))
    if len(ways) > 1:
        way = st.segmented_control(
            say("benchmarks.shown_as"),
            list(ways),
            default=way,
            required=True,
            format_func=lambda way: say(f"benchmarks.way_{way}"),
            key=key,
            label_visibility="collapsed",
        )
    ways[way or next(iter(ways))](table)
    about = explained(table)
    if about or table.notes:
        measured.draw("notes", about, table.notes)


def ways_of(table: Table) -> dict[str, Callable[[Table], None]]:
    """How a table can be shown, by a word of the catalogue. All can be shown as a table."""
    found: dict[str, Callable[[Table], None]] = {}
    if read_mistakes(table):
        found["photos"] = gallery.show
    if curves.fits(table):
        found["curves"] = curves.show
    if heatmap.fits(table):
        found["heat"] = heatmap.show
    found["table"] = grid
    return found


def grid(table: Table) -> None:
    data, columns = sortable(table)
    height = "content" if len(table.rows) <= WHOLE else "auto"
    st.dataframe(
        data,
        width="content",
        height=height,
        hide_index=True,
        column_config=columns,
        placeholder="–",
        alt=plain(table.title),
    )


def rows(name: str, value: object) -> list[tuple[str, str]]:
    """A stamp's entry as one row; hashes each have their own."""
    if not isinstance(value, dict):
        return [(name, str(value))]
    if name in ("corpora", "weights"):
        return [(f"{name}: {key}", str(part)) for key, part in value.items()]
    return [(name, ", ".join(f"{key} {part}" for key, part in value.items()))]
