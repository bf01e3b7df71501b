"""A scan gives one row a file, whatever the files are and however often it is interrupted."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from forensics.ledger import KEY
from forensics.photo import Photo
from forensics.refusal import Refusal
from forensics.scan import files_below, scan

HERE = Path(__file__).parent


@pytest.fixture
def panel(monkeypatch):
    monkeypatch.syspath_prepend(HERE)  # workers receive this process's sys.path
    return importlib.import_module("standin_panel")


def picture(path: Path, first=(9, 9, 9), fill: int = 120) -> None:
    pixels = np.full((12, 12, 3), fill, np.uint8)
    pixels[0, 0] = first
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(os.fsencode(path) if "\udcff" in str(path) else path, "PNG")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Photos, a nested one, odd names, and three that are none."""
    root = tmp_path / "photos"
    picture(root / "bright.png", fill=250)
    picture(root / "dark.png", fill=3)
    picture(root / "below" / "further" / "nested.png")
    picture(root / "line\nbreak [bold].png")
    picture(root / "odd\udcff.png")
    picture(root / "no suffix")
    (root / "words.jpg").write_text("not a photo")
    (root / "empty.jpg").touch()
    (root / ".hidden.txt").write_text("x")
    os.mkfifo(root / "pipe.jpg")
    (root / "gone.jpg").symlink_to("nowhere")
    (root / "circle").symlink_to(root)
    return root


def rows(out: Path) -> list[dict]:
    return parquet.read_table(out).to_pylist()


def test_one_row_a_file(panel, folder, tmp_path):
    out = tmp_path / "results.parquet"
    summary = scan(folder, out, panel.load, workers=2)
    found = {row["path"]: row for row in rows(out)}
    assert list(found) == sorted(
        [
            ".hidden.txt",
            "below/further/nested.png",
            "bright.png",
            "dark.png",
            "empty.jpg",
            "line\nbreak [bold].png",
            "no suffix",
            "odd\\xff.png",
            "words.jpg",
        ]
    )
    assert list(rows(out)[0]) == [
        *("path", "sha256", "status", "reason", "conclusion", "log10_lr"),
        *("brightness.score", "brightness.log10_lr", "mute.score", "mute.log10_lr"),
    ]
    bright = found["bright.png"]
    photo = Photo.open(folder / "bright.png")
    score = float(np.mean(photo.pixels)) / 10 - 10
    assert bright["sha256"] == photo.sha256
    assert bright["status"] == "ok"
    assert bright["reason"] is None
    assert bright["brightness.score"] == pytest.approx(score, abs=1e-6)
    assert bright["brightness.log10_lr"] == pytest.approx(0.1 * score + 0.05, abs=1e-6)
    assert bright["log10_lr"] == bright["brightness.log10_lr"]
    assert bright["mute.score"] is None
    for name, why in (("words.jpg", "not a photo"), ("empty.jpg", "empty"), (".hidden.txt", "not a photo")):
        assert found[name]["status"] == "unreadable"
        assert why in found[name]["reason"]
        assert found[name]["conclusion"] is None
    assert summary.rows == 9
    assert summary.kept == 0
    assert sum(summary.conclusions.values()) == 6
    assert sum(summary.reasons.values()) == 3
    assert sorted(summary.passed_over) == [
        "circle (link to a folder)",
        "gone.jpg (broken link)",
        "pipe.jpg (no regular file)",
    ]
    assert not out.with_name("results.parquet.parts").exists()


def test_rows_do_not_depend_on_workers(panel, folder, tmp_path):
    one, two = tmp_path / "1.parquet", tmp_path / "2.parquet"
    scan(folder, one, panel.load, workers=1)
    scan(folder, two, panel.load, workers=2)
    assert rows(one) == rows(two)


def test_killed_in_the_middle_goes_on(panel, tmp_path):
    for i in range(30):
        picture(tmp_path / "photos" / f"{i:02d}.png", fill=i)
    out, parts = tmp_path / "results.parquet", tmp_path / "results.parquet.parts"
    code = (
        "import sys; sys.path.insert(0, sys.argv[3]); import standin_panel, forensics.ledger\n"
        "from functools import partial; from pathlib import Path; from forensics.scan import scan\n"
        "forensics.ledger.FLUSH_ROWS = 4\n"
        "scan(Path(sys.argv[1]), Path(sys.argv[2]), partial(standin_panel.load, pause=0.05), workers=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    command = [sys.executable, "-c", code, str(tmp_path / "photos"), str(out), str(HERE)]
    killed = subprocess.Popen(command, env=environment)
    until = time.monotonic() + 60
    while len(list(parts.glob("*.parquet"))) < 2 and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    written = [row["path"] for part in parts.glob("*.parquet") for row in rows(part)]
    assert 8 <= len(written) < 30
    (parts / "99999999.parquet").write_bytes(b"PAR1 cut off")

    examined = []
    summary = scan(
        tmp_path / "photos", out, panel.load, 2, lambda done, total, kept: examined.append((done, total, kept))
    )
    assert summary.kept == len(set(written)) == len(written)
    assert examined[-1] == (30, 30, summary.kept)
    fresh = tmp_path / "fresh.parquet"
    scan(tmp_path / "photos", fresh, panel.load, 1)
    assert rows(out) == rows(fresh)
    assert [row["path"] for row in rows(out)] == [f"{i:02d}.png" for i in range(30)]


def test_interrupted_keeps_every_finished_row(panel, folder, tmp_path):
    out = tmp_path / "results.parquet"

    def interrupt(done, total, kept):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(folder, out, panel.load, 2, interrupt)
    assert not out.exists()
    assert scan(folder, out, panel.load, 2).kept == 5
    assert len(rows(out)) == 9


def test_a_second_scan_looks_only_at_what_changed(panel, folder, tmp_path):
    out = tmp_path / "results.parquet"
    scan(folder, out, panel.load, 1)
    before = {row["path"]: row for row in rows(out)}
    picture(folder / "dark.png", fill=249)
    picture(folder / "new.png")
    (folder / "bright.png").unlink()
    summary = scan(folder, out, panel.load, 1)
    after = {row["path"]: row for row in rows(out)}
    assert (summary.rows, summary.kept) == (9, 7)
    assert after["dark.png"]["sha256"] != before["dark.png"]["sha256"]
    assert "bright.png" not in after
    assert "new.png" in after


def test_a_crash_costs_one_photo_not_the_scan(panel, tmp_path):
    root = tmp_path / "photos"
    for name, first in (
        *(("crashes", panel.CRASHES), ("hangs", panel.HANGS), ("once", panel.CRASHES_ONCE), ("fails", panel.FAILS)),
        *((f"fine{i}", (9, 9, 9)) for i in range(6)),
    ):
        picture(root / f"{name}.png", first)
    out = tmp_path / "results.parquet"
    scan(root, out, partial(panel.load, notes=tmp_path), workers=2, patience=1.0)
    found = {row["path"]: row for row in rows(out)}
    assert len(found) == 10
    assert found["crashes.png"]["reason"] == "the decoder crashed (SIGSEGV)"
    assert found["crashes.png"]["sha256"] == Photo.open(root / "crashes.png").sha256
    assert found["hangs.png"]["reason"] == "it was not done after 1 seconds"
    assert found["fails.png"]["conclusion"] == "inconclusive"  # a detector failed: nothing is concluded
    assert found["fails.png"]["brightness.score"] is None
    assert found["once.png"]["status"] == "ok"
    assert all(found[f"fine{i}.png"]["status"] == "ok" for i in range(6))


def test_memory_without_end_costs_one_photo_not_the_scan(panel, tmp_path):
    root, out = tmp_path / "photos", tmp_path / "results.parquet"
    picture(root / "grows.png", panel.GROWS)
    picture(root / "fine.png")
    scan(root, out, panel.load, workers=1, memory=2**29)
    fine, grows = rows(out)
    assert fine["status"] == "ok"
    assert (grows["status"], grows["reason"]) == ("unreadable", "it needed more than 0.5 GiB of memory")
    assert grows["sha256"] == Photo.open(root / "grows.png").sha256


def test_rows_of_two_panels_or_folders_never_mix(panel, folder, tmp_path):
    out = tmp_path / "results.parquet"
    scan(folder, out, panel.load, 1)
    before = out.read_bytes()
    with pytest.raises(Refusal, match=r"another panel.*versions\.weights\.brightness.*pass another --out"):
        scan(folder, out, partial(panel.load, "b" * 64), 1)
    assert out.read_bytes() == before
    assert not out.with_name("results.parquet.parts").exists()
    assert b"a" * 64 in parquet.read_schema(out).metadata[KEY]
    with pytest.raises(Refusal, match="holds a scan of"):
        scan(folder / "below", out, panel.load, 1)


def test_refusals(panel, folder, tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "mine.parquet").write_text("precious")
    for where, out, load, why in (
        (tmp_path / "none", "r.parquet", panel.load, "no such folder"),
        (tmp_path / "bare", "r.parquet", panel.load, "no files"),
        (folder, "r.csv", panel.load, r"ends in \.parquet"),
        (folder, "mine.parquet", panel.load, "no scan's result"),
        (folder, "r.parquet", panel.refuse, "make weights"),
        (folder, "r.parquet", panel.die, "died while it loaded"),
    ):
        with pytest.raises(Refusal, match=why):
            scan(where, tmp_path / out, load, 1)
    with pytest.raises(Refusal, match="at least 1"):
        scan(folder, tmp_path / "r.parquet", panel.load, 0)
    assert (tmp_path / "mine.parquet").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare", "mine.parquet", "photos"]


def test_the_result_may_lie_in_the_folder(folder):
    out, parts = folder / "results.parquet", folder / "results.parquet.parts"
    parts.mkdir()
    for path in (out, parts / "00000001.parquet", folder / "other.parquet"):
        path.touch()
    files, _ = files_below(folder, leave_out=(out, parts))
    assert [name for name in files if "parquet" in name] == ["other.parquet"]


def test_one_scan_at_a_time(panel, folder, tmp_path):
    out = tmp_path / "results.parquet"
    refused = []

    def again(done, total, kept):
        if done == 1:
            with pytest.raises(Refusal) as caught:
                scan(folder, out, panel.load, 1)
            refused.append(str(caught.value))

    scan(folder, out, panel.load, 1, again)
    assert "another scan is writing it" in refused[0]
    assert len(rows(out)) == 9
