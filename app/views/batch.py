"""Many photos: a folder or a ZIP, examined in the background; which to look at first; results to take along."""

from __future__ import annotations

import streamlit as st

from app import drawing
from app.batch import running, store
from app.batch.results import calibration_of, rows, stored
from app.batch.store import Batch
from app.batch.work import DONE, FAILED, REFUSED, SCANNING, Progress
from app.parts import draw
from app.views import batch_table
from app.words import say
from forensics.refusal import Refusal

ID = "batch"  # of the address: ?batch=...
LARGEST = 60  # MB of a ZIP, as of all uploads: it is held in memory; larger ones are unpacked and named as a folder
EVERY = 1.0  # seconds
RECENT = 20


def page() -> None:
    st.title(say("batch.title"), anchor=False)
    asked = st.query_params.get(ID)
    batch = store.find(asked) if asked else None
    if batch:
        one(batch)
        return
    if asked:
        drawing.notice(say("batch.gone"), say("batch.gone_about"))
    begin()


def begin() -> None:
    """Two ways in, and batches from before."""
    st.write(say("batch.about"))
    left, right = st.columns(2, gap="medium")
    with left, st.form("batch-folder", border=True):
        path = st.text_input(say("batch.folder"), placeholder=say("batch.folder_example"), key="batch-path")
        st.caption(say("batch.folder_about"))
        if st.form_submit_button(say("batch.examine_folder"), type="primary"):
            begun(lambda: store.of_folder(path))
    with right, st.form("batch-zip", border=True):
        file = st.file_uploader(say("batch.zip"), type="zip", key="batch-file", max_upload_size=LARGEST)
        st.caption(say("batch.zip_about"))
        if st.form_submit_button(say("batch.examine_zip"), type="primary"):
            if file is None:
                drawing.notice(say("batch.refused"), say("batch.no_zip"))
            else:
                with st.spinner(say("batch.unpacking")):
                    begun(lambda: store.of_zip(file.name, file.getvalue()))
    earlier = store.every()[:RECENT]
    if earlier:
        st.subheader(say("batch.earlier"), anchor=False)
        for batch in earlier:
            with st.container(horizontal=True, vertical_alignment="center"):
                if st.button(say("batch.open"), key=f"open-{batch.id}"):
                    go(batch.id)
                draw("batch", "line", batch.name, when(batch))


def begun(make) -> None:
    """To the page of a new batch; or one line why there is none."""
    try:
        batch = make()
    except Refusal as refusal:
        drawing.notice(say("batch.refused"), str(refusal))
        return
    running.start(batch)
    go(batch.id)


def go(id: str | None) -> None:
    st.query_params.clear()
    if id:
        st.query_params[ID] = id
    st.rerun()


def when(batch: Batch) -> str:
    return batch.begun[:16].replace("T", " ") + " UTC"


def one(batch: Batch) -> None:
    draw("batch", "line", batch.name, when(batch))
    told = running.progress(batch)
    if told.state == running.STOPPED:  # the app was ended, or started anew: it goes on from the ledger
        running.start(batch)
    finished = told.state in (DONE, REFUSED, FAILED)
    if not finished:
        with st.container(border=True):
            st.fragment(watch, run_every=EVERY)(batch)
    if told.state in (REFUSED, FAILED):
        drawing.notice(say(f"batch.{told.state}"), told.words)
        if st.button(say("batch.again"), key="batch-again"):
            (batch.home / "progress.json").unlink(missing_ok=True)
            running.start(batch)
            st.rerun()
    table = stored(batch)
    if table is not None:
        batch_table.show(batch, table, rows(table), calibration_of(batch))
    elif finished:
        drawing.notice(say("batch.nothing"), say("batch.nothing_about"))
    left_out(batch, told)
    end(batch)


def watch(batch: Batch) -> None:
    """How far it is; asks for the whole page anew when it is done."""
    told = running.progress(batch)
    if told.state in (DONE, REFUSED, FAILED):
        st.rerun()
    if told.state == SCANNING:
        words = say("batch.scanning", done=f"{told.done:,}", total=f"{told.total:,}")
        st.progress(told.done / max(told.total, 1), words)
        if told.kept:
            st.caption(say("batch.kept", n=f"{told.kept:,}"))
    else:
        st.progress(0.0, say("batch.waiting" if told.state != "loading" else "batch.loading"))
    st.caption(say("batch.background"))
    if st.button(say("batch.show"), key="batch-show"):
        st.rerun()


def left_out(batch: Batch, told: Progress) -> None:
    lines = [*batch.left_out, *((line, "") for line in told.passed_over)]
    if lines:
        with st.expander(say("batch.left_out", n=len(lines))):
            drawing.pairs(say("batch.left_out", n=len(lines)), lines)


def end(batch: Batch) -> None:
    """Another batch; or an end to this one."""
    with st.container(horizontal=True):
        if st.button(say("batch.another"), key="batch-another"):
            go(None)
        with st.popover(say("batch.delete")):
            st.write(say("batch.delete_zip" if batch.zipped else "batch.delete_folder"))
            if st.button(say("batch.delete_yes"), type="primary", key="batch-delete"):
                running.stop(batch)
                store.delete(batch)
                go(None)
