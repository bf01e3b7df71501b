"""The table of a batch: which photos to look at first, filters, thumbnails, one to inspect, all to take along."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from app import drawing, resources
from app.batch import results
from app.batch.results import Row
from app.batch.store import Batch
from app.parts import draw
from app.views import gallery, inspect
from app.words import say
from forensics.calibration import Calibration
from forensics.glimpse import Glimpse
from forensics.photo import UnreadableImage, read_file
from forensics.refusal import Refusal
from forensics.shown import plain
from forensics.triage import Triage, rates, triage

if TYPE_CHECKING:
    import pyarrow

PAGE = 100  # rows drawn at once: each has a thumbnail
FIRST, ALL = "first", "all"
WITHIN = {"any": None, "within": True, "outside": False}


def show(batch: Batch, table: pyarrow.Table, found: list[Row], calibration: Calibration | None) -> None:
    rule = rule_of(calibration)
    ranked = [row for row in found if row.within]
    first = [row for row in found if row.first(rule)]
    draw("batch", "sums", sums(found, first, rule))
    if rule and ranked:
        expected = f"{rule.rate * len(ranked):.1f}"
        draw("batch", "small", say("batch.promise", ranked=len(ranked), expected=expected))
    shown = results.ordered(filters(found, first), rule)
    if not shown:
        draw("batch", "small", say("batch.none_shown"))
        return
    grid(batch, shown, rule)
    take_along(batch, results.chosen(table, shown, rule))


def rule_of(calibration: Calibration | None) -> Triage | None:
    """By the false-alarm rate that the visitor chooses; None where no rate can be promised."""
    offered = rates(calibration) if calibration else ()
    if not offered:
        return None
    rate = st.segmented_control(
        say("batch.rate"),
        offered,
        default=offered[min(1, len(offered) - 1)],
        required=True,
        format_func=lambda rate: say("batch.rate_of", percent=f"{rate * 100:.2g}"),
        help=say("batch.rate_help"),
        key="batch-rate",
    )
    rule = triage(calibration, rate or offered[0])
    words = say("batch.threshold", ratio=f"{10**rule.threshold:.0f}", n=rule.n, least=f"{rule.least * 100:.2g}")
    draw("batch", "small", words)
    return rule


def sums(found: Sequence[Row], first: Sequence[Row], rule: Triage | None) -> list[tuple[str, str]]:
    outside = sum(row.within is False for row in found)
    unreadable = sum(row.conclusion == results.UNREADABLE for row in found)
    sums = [(f"{len(found):,}", say("batch.examined"))]
    if rule:
        sums.append((f"{len(first):,}", say("batch.first")))
    return [*sums, (f"{outside:,}", say("batch.outside")), (f"{unreadable:,}", say("batch.conclusion_unreadable"))]


def filters(found: list[Row], first: list[Row]) -> list[Row]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            say("batch.show_which"),
            [ALL, FIRST],
            default=ALL,
            required=True,
            format_func=lambda which: say(f"batch.which_{which}"),
            key="batch-which",
        )
        present = sorted({row.conclusion for row in found})
        conclusions = st.multiselect(
            say("batch.conclusion"),
            present,
            format_func=lambda name: say(f"batch.conclusion_{name}"),
            placeholder=say("batch.any"),
            key="batch-conclusions",
            width=210,
        )
        within = st.selectbox(
            say("batch.domain"),
            list(WITHIN),
            format_func=lambda name: say(f"batch.domain_{name}"),
            key="batch-domain",
            width=180,
        )
        text = st.text_input(say("batch.text"), key="batch-text", width=150)
    kept = first if which == FIRST else found
    return results.filtered(kept, conclusions, WITHIN[within], text)


def grid(batch: Batch, shown: list[Row], rule: Triage | None) -> None:
    pages = -(-len(shown) // PAGE)
    number = 1
    if pages > 1:
        number = st.number_input(say("batch.page", pages=pages), 1, pages, key="batch-page", width=180)
    here = shown[(number - 1) * PAGE : number * PAGE]
    glimpses = [Glimpse.read(batch.glimpses, row.sha256) for row in here]
    column = st.column_config
    picked = st.dataframe(
        {
            "photo": [glimpse and glimpse.uri for glimpse in glimpses],
            "file": [plain(row.path) for row in here],
            "first": [say("batch.first_mark") if row.first(rule) else "" for row in here],
            "conclusion": [say(f"batch.conclusion_{row.conclusion}") for row in here],
            "number": [row.log10_lr for row in here],
            "why": [plain(why(row, glimpse)) for row, glimpse in zip(here, glimpses, strict=True)],
        },
        column_config={
            "photo": column.ImageColumn(say("batch.photo"), width=90),
            "file": column.TextColumn(say("batch.file"), width="medium"),
            "first": column.TextColumn(say("batch.first_column"), width=80),
            "conclusion": column.TextColumn(say("batch.conclusion"), width="medium"),
            "number": column.NumberColumn(say("batch.log10_lr"), format="%+.2f", width="small"),
            "why": column.TextColumn(say("batch.domain_why"), width="large"),
        },
        row_height=64,
        height=min(64 * len(here) + 40, 640),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        alt=say("batch.table_alt", n=len(here)),
        key="batch-grid",
    )
    chosen = [i for i in picked.selection.rows if i < len(here)]
    if st.button(say("batch.inspect"), disabled=not chosen, help=say("batch.inspect_help"), key="batch-inspect"):
        st.dialog(say("batch.inspected"), width="large")(inspected)(batch, here[chosen[0]])


def why(row: Row, glimpse: Glimpse | None) -> str:
    return row.reason or (glimpse and glimpse.outside) or ""


def take_along(batch: Batch, table: pyarrow.Table) -> None:
    """What is shown, as files: made when they are asked for."""
    name = f"batch-{batch.id[:8]}"
    kinds = (
        ("csv", "text/csv", results.as_csv),
        ("json", "application/json", results.as_json),
        ("parquet", "application/vnd.apache.parquet", results.as_parquet),
    )
    draw("batch", "small", say("batch.take", n=table.num_rows))
    with st.container(horizontal=True):
        for suffix, mime, write in kinds:
            st.download_button(
                say(f"batch.as_{suffix}"),
                lambda write=write: write(table),
                f"{name}.{suffix}",
                mime,
                on_click="ignore",
                key=f"batch-{suffix}",
            )


def inspected(batch: Batch, row: Row) -> None:
    """The whole verdict on one photo, as the page Inspect shows it."""
    folder = Path(batch.photos)
    path = folder / row.path
    try:
        data = read_file(path)
        resources.engine()
    except UnreadableImage as error:
        drawing.notice(say("batch.not_there"), error.reason)
        return
    except Refusal as refusal:
        drawing.notice(say("batch.refused"), str(refusal))
        return
    key = resources.key_of(path.name, data)
    if key[0] != row.sha256:
        drawing.notice(say("batch.changed"), say("batch.changed_about"))
    gallery.forget_the_last_but(key)
    with st.spinner(say("batch.examining"), show_time=True):
        photo = resources.inspected(key, data)
    inspect.one(photo)
