"""Photos and results at addresses: the same rows, the same resumption, and no secret kept.

zip:// is read by the workers from a file; dir:// is a file system of fsspec that every process sees and that is
no file to us. S3: test_far_s3.py.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from forensics.far import Far, place
from forensics.far_ledger import FarLedger
from forensics.photo import UnreadableImage
from forensics.refusal import Refusal
from forensics.scan import scan

HERE = Path(__file__).parent
RUN = """
import sys; sys.path.insert(0, sys.argv[4]); import standin_panel, forensics.ledger
from functools import partial; from pathlib import Path; from forensics.scan import scan
forensics.ledger.FLUSH_ROWS = 4
scan(sys.argv[1], sys.argv[2], partial(standin_panel.load, pause=0.05), workers=2, parts=Path(sys.argv[3]))
"""


@pytest.fixture
def panel(monkeypatch):
    monkeypatch.syspath_prepend(HERE)  # workers receive this process's sys.path
    return importlib.import_module("standin_panel")


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


@pytest.fixture
def photos(tmp_path) -> Path:
    root = tmp_path / "photos"
    (root / "below").mkdir(parents=True)
    for i in range(6):
        (root / ("below" if i % 2 else ".") / f"{i}.png").write_bytes(png(i * 40))
    (root / "words.jpg").write_text("not a photo")
    (root / "empty.jpg").touch()
    return root


def png(fill: int, first=(9, 9, 9)) -> bytes:
    pixels = np.full((12, 12, 3), fill, np.uint8)
    pixels[0, 0] = first
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(root: Path) -> str:
    archive = root.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, path.relative_to(root).as_posix())
    return f"zip://::{archive}"


def rows(source) -> list[dict]:
    return parquet.read_table(source).to_pylist()


def test_what_is_an_address(tmp_path):
    assert place("photos") == Path("photos")
    assert place(tmp_path) == tmp_path
    assert place("file:///tmp/photos") == Path("/tmp/photos")
    assert place("s3://bucket/photos") == Far("s3://bucket/photos")
    assert place("zip://::file:///tmp/photos.zip") == Far("zip://::file:///tmp/photos.zip")
    assert place("zip://::photos.zip") == Far(f"zip://::{Path('photos.zip').absolute()}")
    assert Far("s3://bucket/below/results.parquet").name == "results.parquet"


@pytest.mark.parametrize(
    "url",
    ["sftp://me:hunter2@host/photos", "https://host/photos/?sig=hunter2", "zip://::ftp://me:hunter2@host/p.zip"],
)
def test_no_secret_in_an_address(url):
    with pytest.raises(Refusal, match="holds a password or a query") as caught:
        place(url)
    assert "hunter2" not in str(caught.value)


def test_what_is_missing_is_named(monkeypatch, memory, tmp_path):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    for url, why in (
        ("s3://bucket/photos", r"needs a package: pip install s3fs$"),
        ("zip://::s3://bucket/photos.zip", r"needs a package: pip install s3fs$"),
        ("nonsense://x/y", "nonsense"),
        ("memory://nothing", "no such folder"),
        (f"zip://::{tmp_path / 'none.zip'}", "cannot be reached"),
    ):
        with pytest.raises(Refusal, match=why) as caught:
            Far(url).there()
        assert len(str(caught.value).splitlines()) == 1
    memory.pipe("/one.png", b"x")
    with pytest.raises(Refusal, match="is a file"):
        Far("memory://one.png").there()


def test_rows_are_those_of_the_same_files_here(panel, photos, tmp_path, memory):
    here = tmp_path / "here.parquet"
    scan(photos, here, panel.load, workers=1)
    summary = scan(zipped(photos), "memory://results.parquet", panel.load, workers=2, parts=tmp_path / "parts")
    assert summary.rows == 8
    assert rows(memory.open("/results.parquet")) == rows(here)
    assert list(memory.store) == ["/results.parquet"]
    assert not list((tmp_path / "parts").iterdir())  # nothing is left on this machine


def test_a_second_scan_looks_only_at_what_changed(panel, photos, tmp_path, memory):
    go = partial(scan, out="memory://results.parquet", load=panel.load, workers=2, parts=tmp_path / "parts")
    go(zipped(photos))
    (photos / "0.png").write_bytes(png(233))
    (photos / "below" / "1.png").unlink()
    fsspec.get_filesystem_class("zip").clear_instance_cache()  # as in another process
    summary = go(zipped(photos))
    assert (summary.rows, summary.kept) == (7, 6)
    fresh = tmp_path / "fresh.parquet"
    scan(photos, fresh, panel.load, 1)
    assert rows(memory.open("/results.parquet")) == rows(fresh)


def test_the_result_may_lie_among_the_photos(photos):
    base = f"file://{photos}"
    (photos / "results.parquet").touch()
    folder, out = Far(f"dir://below::{base}"), Far(f"dir://below/1.png::{base}")
    files, _ = folder.files(leave_out=(out,))
    assert files == ["3.png", "5.png"]


def test_killed_in_the_middle_goes_on(panel, tmp_path):
    """Nothing lost, nothing twice, and the address holds the whole result or none."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "there").mkdir()
    for i in range(30):
        (tmp_path / "photos" / f"{i:02d}.png").write_bytes(png(i))
    url, out = zipped(tmp_path / "photos"), f"dir://results.parquet::file://{tmp_path / 'there'}"
    kept, there = tmp_path / "kept", tmp_path / "there" / "results.parquet"
    command = [sys.executable, "-c", RUN, url, out, str(kept), str(HERE)]
    killed = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)})
    until = time.monotonic() + 60
    while len(list(kept.rglob("0*.parquet"))) < 2 and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    written = [row["path"] for part in kept.rglob("0*.parquet") for row in rows(part)]
    assert 8 <= len(written) < 30
    assert not there.exists()

    summary = scan(url, out, panel.load, 2, parts=kept)
    assert summary.kept == len(set(written)) == len(written)
    fresh = tmp_path / "fresh.parquet"
    scan(tmp_path / "photos", fresh, panel.load, 1)
    assert rows(there) == rows(fresh)
    assert os.listdir(tmp_path / "there") == ["results.parquet"]


def test_rows_are_kept_when_the_result_cannot_be_put(panel, photos, tmp_path, memory, monkeypatch):
    go = partial(scan, zipped(photos), "memory://results.parquet", panel.load, 1, parts=tmp_path / "parts")
    with monkeypatch.context() as patch:
        patch.setattr(fsspec.implementations.memory.MemoryFile, "commit", lambda self: 1 / 0)
        with pytest.raises(Refusal, match="cannot be written"):  # seen before the work
            go()
    with monkeypatch.context() as patch:
        patch.setattr(Far, "probe", lambda self: None)
        patch.setattr(fsspec.implementations.memory.MemoryFile, "commit", lambda self: 1 / 0)
        with pytest.raises(Refusal, match=r"all rows are kept in .*parts, the same command goes on"):
            go()
    assert "/results.parquet" not in memory.store
    summary = go()
    assert summary.kept == 6 + 1 + 1
    assert len(rows(memory.open("/results.parquet"))) == 8


def test_another_scan_of_the_same_name_is_noticed(panel, photos, tmp_path, memory):
    def elsewhere(done, total, kept):
        if done == total:
            memory.pipe("/results.parquet", b"of another machine")

    with pytest.raises(Refusal, match="another scan wrote it meanwhile"):
        scan(photos, "memory://results.parquet", panel.load, 1, elsewhere, parts=tmp_path / "parts")
    assert memory.cat("/results.parquet") == b"of another machine"
    with pytest.raises(Refusal, match=r"memory://results\.parquet exists and is no scan's result"):
        scan(photos, "memory://results.parquet", panel.load, 1, parts=tmp_path / "parts")


def test_rows_of_two_panels_never_mix(panel, photos, tmp_path, memory):
    scan(photos, "memory://results.parquet", panel.load, 1, parts=tmp_path / "parts")
    before = memory.cat("/results.parquet")
    with pytest.raises(Refusal, match=r"memory://results\.parquet is from another panel"):
        scan(photos, "memory://results.parquet", partial(panel.load, "b" * 64), 1, parts=tmp_path / "parts")
    assert memory.cat("/results.parquet") == before


def test_a_folder_that_goes_away_ends_the_scan_and_not_the_rows(panel, photos, tmp_path):
    url, out = f"dir://photos::file://{tmp_path}", tmp_path / "results.parquet"

    def away(done, total, kept):
        if done == 3:
            photos.rename(tmp_path / "elsewhere")

    with pytest.raises(Refusal, match="no such folder; finished rows are kept"):
        scan(url, out, panel.load, 1, away)
    assert not out.exists()
    (tmp_path / "elsewhere").rename(photos)
    summary = scan(url, out, panel.load, 1)
    assert summary.kept >= 3
    assert len(rows(out)) == 8
    assert not [reason for reason in summary.reasons if "fetched" in reason]


def test_what_workers_cannot_reach_is_said(panel, memory, tmp_path):
    memory.pipe("/photos/one.png", png(3))
    with pytest.raises(Refusal, match=r"memory://photos is not there for the worker"):
        scan("memory://photos", tmp_path / "results.parquet", panel.load, 1)


def test_no_more_is_fetched_than_a_photo_may_have(memory, monkeypatch):
    monkeypatch.setattr("forensics.far.MAX_BYTES", 1000)
    memory.pipe("/photos/fits", b"x" * 1000)
    memory.pipe("/photos/large", b"x" * 1001)
    folder = Far("memory://photos")
    assert len(folder.read("fits")) == 1000
    with pytest.raises(UnreadableImage, match="the file is over"):
        folder.read("large")
    assert folder.sha256("large") is None

    class Endless(io.RawIOBase):  # a server that tells no size
        asked = 0

        def read(self, n=-1):
            assert n >= 0
            self.asked += n
            return b"x" * n

    endless = Endless()
    monkeypatch.setattr(type(memory), "open", lambda *_, **__: endless)
    with pytest.raises(UnreadableImage, match="the file is over"):
        folder.read("endless")
    assert endless.asked == 1001


def test_a_moment_without_network_is_no_reason(memory, monkeypatch):
    memory.pipe("/photos/one", b"x")
    monkeypatch.setattr("forensics.far.PAUSES", (0.0, 0.0))
    genuine, tries = Far._fetched, []

    def shaky(self, file):
        tries.append(file)
        if len(tries) < 3:
            raise ConnectionResetError("reset")
        return genuine(self, file)

    monkeypatch.setattr(Far, "_fetched", shaky)
    assert Far("memory://photos").read("one") == b"x"
    with pytest.raises(UnreadableImage, match="cannot be fetched"):
        Far("memory://photos").read("none")
    assert len(tries) == 4


def test_ledgers_of_two_addresses_lie_apart(tmp_path):
    one, other = (FarLedger.at(Far(f"s3://{bucket}/results.parquet"), tmp_path) for bucket in ("a", "b"))
    assert one.out != other.out
    with pytest.raises(Refusal, match=r"--out s3://bucket/results\.csv: .*ends in \.parquet"):
        FarLedger.at(Far("s3://bucket/results.csv"), tmp_path)
