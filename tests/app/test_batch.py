"""Many photos: a batch outlives reloads, kills and restarts; deleted, nothing of it is left."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pytest
from PIL import Image
from pyarrow import parquet
from streamlit.testing.v1 import AppTest

from app.batch import results, running, store
from app.batch.results import Row
from app.batch.work import DONE, REFUSED, SCANNING
from forensics.calibration import Calibration, Domain
from forensics.places import HOUSE
from forensics.refusal import Refusal
from forensics.triage import triage

STANDINS = HOUSE / "tests" / "forensics"
WORK = (
    f"import sys; sys.path.insert(0, {str(STANDINS)!r}); from functools import partial; import standin_panel; "
    "from app.batch.work import main; main(partial(standin_panel.load, pause={pause}))"
)
HOSTILE = "![x](http___evil.example_x.png) =1+1.png"


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((12, 15, 3), grey, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty working folder; batches are worked on by quick stand-ins, and none outlives its test."""
    monkeypatch.chdir(tmp_path)
    pace(monkeypatch, 0)
    yield tmp_path
    for batch in store.every():
        running.stop(batch)


def pace(monkeypatch, pause: float) -> None:
    monkeypatch.setattr(running, "COMMAND", (sys.executable, "-P", "-c", WORK.format(pause=pause)))


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "mine"
    (folder / "below").mkdir(parents=True)
    for i in range(12):
        (folder / "below" / f"{i:02}.png").write_bytes(png(20 * i))
    (folder / "words.jpg").write_text("not a photo")
    return folder


def until(true, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def finished(batch: store.Batch) -> bool:
    return running.progress(batch).state in (DONE, REFUSED)


def some_rows(batch: store.Batch) -> bool:
    told = running.progress(batch)
    return told.state == SCANNING and told.done >= 3


# on disk


def test_a_folder_is_examined_and_stays_as_it_was(photos):
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    batch = store.of_folder(str(photos))
    running.start(batch)
    until(lambda: finished(batch))
    found = results.rows(results.stored(batch))
    assert len(found) == 13
    assert [row.path for row in found if row.conclusion == results.UNREADABLE] == ["words.jpg"]
    assert (batch.glimpses / f"{found[0].sha256}.json").exists()
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before
    store.delete(batch)
    assert store.every() == []
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("path", ["", "  ", "nowhere", "a\0b", "~nobody-of-that-name/x", "/dev/null", "x" * 5000])
def test_what_is_no_folder_is_refused_in_one_line(path):
    with pytest.raises(Refusal, match="no such folder"):
        store.of_folder(path)
    assert store.every() == []


def test_the_folder_of_the_apps_own_results_is_refused(tmp_path):
    with pytest.raises(Refusal, match="own results"):
        store.of_folder(str(tmp_path))


def test_a_zip_is_unpacked_into_a_folder_that_others_cannot_read():
    batch = store.of_zip("trip.zip", zipped(**{"a.png": png(1), "../evil.png": png(2)}))
    assert stat.S_IMODE(batch.home.stat().st_mode) == 0o700
    assert [name for name, _ in batch.left_out] == ["../evil.png"]
    assert store.find(batch.id) == batch
    assert [path.name for path in Path(batch.photos).iterdir()] == ["a.png"]


@pytest.mark.parametrize("data", [b"no archive", zipped(**{"../evil.png": b"x"}), zipped(**{"inner.zip": b"x"})])
def test_of_a_zip_that_is_refused_nothing_stays(data):
    with pytest.raises(Refusal):
        store.of_zip("bad.zip", data)
    assert list(store.root().iterdir()) == []


def test_what_a_crash_left_half_unpacked_is_swept_away(tmp_path):
    half = store.root() / ("a" * 32)
    (half / "photos").mkdir(parents=True)
    assert store.every() == []
    assert half.exists()  # it may be unpacked right now
    os.utime(half, (1, 1))
    assert store.every() == []
    assert not half.exists()


@pytest.mark.parametrize("id", ["", "..", "../../etc", "a" * 31, "A" * 32, "0" * 32, "0" * 31 + "/"])
def test_an_id_that_is_none_finds_nothing(id):
    assert store.find(id) is None


def test_killed_it_goes_on_from_its_ledger(photos, monkeypatch):
    pace(monkeypatch, 0.15)
    batch = store.of_folder(str(photos))
    running.start(batch)
    until(lambda: some_rows(batch))
    running.stop(batch)  # Ctrl-C: rows are kept
    kept = results.stored(batch).num_rows
    assert 3 <= kept < 13
    assert running.progress(batch).state == running.STOPPED
    pace(monkeypatch, 0)
    running.start(batch)
    until(lambda: finished(batch))
    told = running.progress(batch)
    assert (told.state, told.done, told.kept) == (DONE, 13, kept)
    assert results.stored(batch).num_rows == 13


def test_killed_hard_it_can_be_started_again(photos, monkeypatch):
    pace(monkeypatch, 0.15)
    batch = store.of_folder(str(photos))
    running.start(batch)
    until(lambda: some_rows(batch))
    running._processes[batch.id].kill()
    running._processes[batch.id].wait()
    until(lambda: running.progress(batch).state == running.STOPPED)
    pace(monkeypatch, 0)
    running.start(batch)
    until(lambda: finished(batch))
    assert results.stored(batch).num_rows == 13


def test_two_starts_are_one_process(photos, monkeypatch):
    pace(monkeypatch, 0.1)
    batch = store.of_folder(str(photos))
    running.start(batch)
    process = running._processes[batch.id]
    running.start(batch)
    assert running._processes[batch.id] is process
    until(lambda: some_rows(batch))
    running._processes.pop(batch.id)  # as after a reload of the server's modules
    assert running.running(batch)
    running.start(batch)
    assert batch.id not in running._processes
    running._processes[batch.id] = process


def test_it_ends_with_the_app_that_started_it(photos, monkeypatch):
    batch = store.of_folder(str(photos))
    app = (
        "import os, time; from app.batch import running, store; "
        f"running.COMMAND = {(sys.executable, '-P', '-c', WORK.format(pause=0.3))!r}; "
        f"b = store.find({batch.id!r}); running.start(b)\n"
        "while running.progress(b).done < 2: time.sleep(0.05)\n"
        "os._exit(9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
    assert subprocess.run([sys.executable, "-c", app], env=environment, timeout=90).returncode == 9
    until(lambda: not running.running(batch), 30)
    assert running.progress(batch).state == running.STOPPED
    assert results.stored(batch).num_rows < 13
    running.start(batch)
    until(lambda: finished(batch))
    assert results.stored(batch).num_rows == 13


def test_photos_that_are_gone_are_told(photos):
    batch = store.of_folder(str(photos))
    photos.rename(photos.with_name("moved"))
    running.start(batch)
    until(lambda: finished(batch))
    told = running.progress(batch)
    assert told.state == REFUSED
    assert "no such folder" in told.words


# results

ROWS = [
    Row("a/one.png", "1" * 64, "supports_generated", None, 2.0, True),
    Row("a/two.png", "2" * 64, "supports_camera", None, -2.0, True),
    Row("b/three.png", "3" * 64, "inconclusive", None, 2.2, False),
    Row("b/Fourth.txt", "4" * 64, "unreadable", "not a photo", None, None),
]
RULE = triage(Calibration({}, Domain(1, 1), 929, 218, 1.0, support=(541.0, 98.8), accuse=1.25), 0.01)


def test_first_come_those_to_look_at_then_the_rest_unreadable_last():
    assert [row.path for row in results.ordered(ROWS[::-1], RULE)] == [
        "a/one.png", "b/three.png", "a/two.png", "b/Fourth.txt",
    ]  # fmt: skip
    assert [row.first(RULE) for row in ROWS] == [True, False, False, False]
    assert not any(row.first(None) for row in ROWS)


@pytest.mark.parametrize(
    ("conclusions", "within", "text", "expected"),
    [
        ([], None, "", "1234"),
        (["supports_generated", "unreadable"], None, "", "14"),
        ([], True, "", "12"),
        ([], False, "", "34"),
        ([], None, " FOURTH ", "4"),
        ([], None, "not a photo", "4"),
        (["supports_camera"], False, "", ""),
    ],
)
def test_filters(conclusions, within, text, expected):
    assert "".join(row.sha256[0] for row in results.filtered(ROWS, conclusions, within, text)) == expected


def test_what_is_taken_along_is_what_is_shown():
    table = pyarrow.table({"path": [row.path for row in ROWS], "onlooker.score": [1.0, 1.0, 0.0, None]})
    shown = [ROWS[2], ROWS[0]]
    taken = results.chosen(table, shown, RULE)
    expected = [
        {"path": "b/three.png", "within_validated": False, "look_first": False},
        {"path": "a/one.png", "within_validated": True, "look_first": True},
    ]
    assert taken.to_pylist() == expected
    assert json.loads(results.as_json(taken)) == expected
    assert parquet.read_table(io.BytesIO(results.as_parquet(taken))).to_pylist() == expected
    assert pyarrow.csv.read_csv(io.BytesIO(results.as_csv(taken))).to_pylist() == expected


def test_no_spreadsheet_computes_a_file_name():
    names = ["=cmd|'/c calc'!A0.png", "+1.png", "-2.png", "@x.png", "plain.png", None]
    told = results.as_csv(pyarrow.table({"path": names, "log10_lr": [-1.0] * 6}))
    found = pyarrow.csv.read_csv(io.BytesIO(told))
    assert found["path"].to_pylist()[:5] == [f"'{name}" for name in names[:4]] + ["plain.png"]
    assert found["log10_lr"].to_pylist() == [-1] * 6


# the page


def alone() -> None:
    from app.views import batch

    batch.page()


def opened(id: str | None = None) -> AppTest:
    page = AppTest.from_function(alone, default_timeout=60)
    if id:
        page.query_params["batch"] = id
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def click(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    page.run()
    assert not page.exception
    return page


def id_of(page: AppTest) -> str:
    id = page.query_params["batch"]
    return id if isinstance(id, str) else id[0]


def done(page: AppTest) -> store.Batch:
    batch = store.find(id_of(page))
    until(lambda: finished(batch))
    page.run()
    assert not page.exception
    return batch


def test_a_zip_from_upload_to_deletion():
    page = opened()
    data = zipped(**{HOSTILE: png(9), "b.png": png(200), "inner.zip": b"x", "words.jpg": b"hello"})
    page.file_uploader[0].set_value([("trip.zip", data, "application/zip")])
    click(page, "Examine the ZIP")
    batch = done(page)
    grid = page.dataframe[0].value
    assert sorted(grid["file"]) == sorted([HOSTILE, "b.png", "words.jpg"])
    assert sum(str(uri).startswith("data:image/png;base64,") for uri in grid["photo"]) == 2
    assert "Not examined: 1" in [expander.label for expander in page.expander]
    assert "look" in words(page).lower()
    for kind in ("markdown", "caption", "subheader", "expander", "button"):
        assert not [e for e in page.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]
    click(page, "Delete for good")
    assert store.find(batch.id) is None
    assert [path.name for path in store.root().iterdir()] == ["turn"]
    assert "batch" not in page.query_params


def test_a_second_visit_finds_it_running_and_then_finished(photos, monkeypatch):
    pace(monkeypatch, 0.1)
    page = opened()
    page.text_input[0].set_value(str(photos))
    click(page, "Examine the folder")
    id = id_of(page)
    until(lambda: some_rows(store.find(id)))
    other = opened(id)
    assert "It goes on without this page." in [caption.value for caption in other.caption]
    batch = done(other)
    assert len(other.dataframe[0].value) == 13
    assert batch.id == id


def test_a_visit_after_a_restart_starts_it_again(photos):
    batch = store.of_folder(str(photos))  # begun, and the app was ended at once
    page = opened(batch.id)
    done(page)
    assert len(page.dataframe[0].value) == 13


def test_filters_and_the_rate(photos):
    page = opened(store.of_folder(str(photos)).id)
    done(page)
    page.text_input(key="batch-text").set_value("words").run()
    assert list(page.dataframe[0].value["conclusion"]) == ["unreadable"]
    page.text_input(key="batch-text").set_value("no such name").run()
    assert not page.exception
    assert "No photo passes these filters" in words(page)
    shown = words(page)
    assert "cannot promise less than about 3 in 3000" in shown
    assert "fake" not in shown.lower()


def test_bad_requests_get_one_line(tmp_path):
    page = opened()
    page.text_input[0].set_value("/no/such/folder")
    click(page, "Examine the folder")
    assert "no such folder on this machine" in words(page)
    click(page, "Examine the ZIP")
    assert "Choose a ZIP first" in words(page)
    page.file_uploader[0].set_value([("x.zip", b"hello", "application/zip")])
    click(page, "Examine the ZIP")
    assert "no ZIP archive" in words(page)
    assert store.every() == []
    assert "There is no such batch" in words(opened("../../etc"))
