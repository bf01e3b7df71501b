"""Benchmarks: the tables as they were measured, with what they were measured on and with."""

from __future__ import annotations

from dataclasses import asdict

import streamlit as st

from app import drawing
from benchmarks.table import Result
from forensics import places


def page() -> None:
    st.title("Benchmarks", anchor=False)
    st.write("How often the detectors and the verdict are right, and how fast: measured, with intervals.")
    results = Result.stored_in(places.RESULTS, places.RUNS / "bench")
    if not results:
        drawing.notice("No results yet", "Run `forensics bench detection` or `forensics bench throughput` first.")
        return
    titles = [f"{result.title} ({result.stamp.date[:16].replace('T', ' ')})" for result in results]
    chosen = st.selectbox("Result", range(len(results)), format_func=titles.__getitem__, key="result")
    one(results[chosen or 0])


def one(result: Result) -> None:
    for warning in result.warnings:
        st.markdown(f"**{warning}**")
    for png in result.figures.values():
        st.image(png)
    for table in result.tables:
        drawing.grid(table)
    with st.container(horizontal=True):
        name = f"{result.benchmark}-{result.stamp.date[:10]}"
        st.download_button(
            "All digits (JSON)", result.as_json(), f"{name}.json", "application/json", on_click="ignore", key="json"
        )
        st.download_button(
            "Tables (Markdown)", result.as_markdown(), f"{name}.md", "text/markdown", on_click="ignore", key="md"
        )
    st.subheader("Measured with", anchor=False)
    stamp = {name: value for name, value in asdict(result.stamp).items() if value not in (None, "", {})}
    drawing.pairs("Stamp", [row for name, value in stamp.items() for row in rows(name, value)])


def rows(name: str, value: object) -> list[tuple[str, str]]:
    """A stamp's entry as one row; hashes each have their own."""
    if not isinstance(value, dict):
        return [(name, str(value))]
    if name in ("corpora", "weights"):
        return [(f"{name}: {key}", str(part)) for key, part in value.items()]
    return [(name, ", ".join(f"{key} {part}" for key, part in value.items()))]
