"""From S3 to S3, against moto's server on this machine: killed, gone on with, the rows of the same files here."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import fsspec
import pyarrow.parquet as parquet
import pytest

from forensics.engine import Engine
from forensics.far import Far
from forensics.refusal import Refusal
from forensics.scan import scan

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def panel():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        yield importlib.import_module("standin_panel")


@pytest.fixture(scope="module")
def near():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)
        yield importlib.import_module("test_far")


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """A bucket, on a server of this machine that the environment names."""
    if not (find_spec("s3fs") and find_spec("moto") and find_spec("flask")):
        pytest.skip("s3fs or moto[server] is not installed: this check did NOT run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "a-secret-of-tests")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_CONFIG_FILE", str(home / "none"))  # never the developer's own
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "none"))
        log = (home / "log").open("w")
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(port, server)
            fs = fsspec.filesystem("s3", skip_instance_cache=True)
            fs.mkdir("bucket")
            yield fs
        finally:
            server.kill()
            server.wait()
            log.close()


def wait_for(port: int, server: subprocess.Popen) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("moto's server did not start")


@pytest.fixture(scope="module")
def photos(s3, near, tmp_path_factory) -> Path:
    """The same files here and in the bucket, which holds more."""
    root = tmp_path_factory.mktemp("s3") / "photos"
    (root / "below" / "further").mkdir(parents=True)
    for i in range(24):
        (root / ("below/further" if i % 2 else ".") / f"{i:02d}.png").write_bytes(near.png(i))
    for name in ("a name +%20?#&é.png", "[odd]*.png"):  # moto itself knows no line breaks
        (root / name).write_bytes(near.png(99))
    (root / "words.jpg").write_text("not a photo")
    (root / "empty.jpg").touch()
    for path in root.rglob("*"):
        if path.is_file():
            s3.pipe_file(f"bucket/photos/{path.relative_to(root).as_posix()}", path.read_bytes())
    s3.pipe_file("bucket/photos-of-others/other.png", near.png(7))
    s3.call_s3("put_object", Bucket="bucket", Key="photos/below/", Body=b"")  # as the console makes folders
    return root


@pytest.mark.parametrize("engine", Engine)
def test_from_s3_to_s3(s3, panel, photos, tmp_path, engine):
    if engine is Engine.RAY and find_spec("ray") is None:
        pytest.skip("the extra `ray` is not installed: this check did NOT run")
    out, here = f"s3://bucket/{engine}/results.parquet", tmp_path / "here.parquet"
    summary = scan("s3://bucket/photos", out, panel.load, 2, engine=engine, parts=tmp_path / "parts")
    scan(photos, here, panel.load, 1)
    with s3.open(out) as stream:
        found = parquet.read_table(stream)
    assert found.to_pylist() == parquet.read_table(here).to_pylist()
    assert summary.rows == 28
    s3.invalidate_cache()
    assert s3.find(f"bucket/{engine}") == [f"bucket/{engine}/results.parquet"]
    assert b"a-secret-of-tests" not in s3.cat(out)
    assert scan("s3://bucket/photos/", out, panel.load, 2, engine=engine, parts=tmp_path / "parts").kept == 28


def test_killed_in_the_middle_goes_on(s3, panel, near, photos, tmp_path):
    url, out, kept = "s3://bucket/photos", "s3://bucket/killed/results.parquet", tmp_path / "kept"
    command = [sys.executable, "-c", near.RUN, url, out, str(kept), str(HERE)]
    paths = os.pathsep.join([str(HERE.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    killed = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths})
    until = time.monotonic() + 60
    while len(list(kept.rglob("0*.parquet"))) < 2 and time.monotonic() < until and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    written = [row["path"] for part in kept.rglob("0*.parquet") for row in near.rows(part)]
    assert 8 <= len(written) < 28
    assert not s3.exists(out)
    summary = scan(url, out, panel.load, 2, parts=kept)
    assert summary.kept == len(set(written)) == len(written)
    here = tmp_path / "here.parquet"
    scan(photos, here, panel.load, 1)
    assert near.rows(s3.open(out)) == near.rows(here)
    assert not list(kept.iterdir())


def test_refusals(s3, panel, photos, tmp_path):
    go = partial(scan, load=panel.load, workers=1, parts=tmp_path / "parts")
    for url, out, why in (
        ("s3://nobucket/photos", "s3://bucket/r.parquet", "s3://nobucket/photos: "),
        ("s3://bucket/phot", "s3://bucket/r.parquet", "no such folder"),
        ("s3://bucket/photos/00.png", "s3://bucket/r.parquet", "is a file"),
        ("s3://bucket/photos", "s3://nobucket/r.parquet", "s3://nobucket/r.parquet: cannot be written"),
        ("s3://bucket/photos", "s3://bucket/photos/00.png", r"ends in \.parquet"),
    ):
        with pytest.raises(Refusal, match=why) as caught:
            go(url, out)
        assert len(str(caught.value).splitlines()) == 1
        assert "a-secret-of-tests" not in str(caught.value)


def test_a_photo_over_the_limit_is_not_fetched(s3, monkeypatch):
    monkeypatch.setattr("forensics.far.MAX_BYTES", 100)
    s3.pipe_file("bucket/large/one.png", b"x" * 101)
    assert Far("s3://bucket/large").sha256("one.png") is None
    s3.pipe_file("bucket/large/two.png", b"x" * 100)
    assert Far("s3://bucket/large").sha256("two.png")


def test_from_the_command_line(s3, photos, tmp_path):
    """With the panel that ships, of which two photos are enough; the cache is the user's own."""
    for name in ("00.png", "words.jpg"):
        s3.pipe_file(f"bucket/two/{name}", (photos / name).read_bytes())
    command = [shutil.which("forensics", path=str(Path(sys.executable).parent)), "scan", "s3://bucket/two"]
    command += ["--out", "s3://bucket/cli/results.parquet", "--workers", "1"]
    done = subprocess.run(
        command, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "s3://bucket/cli/results.parquet: 2 rows" in done.stdout
    assert "a-secret-of-tests" not in done.stdout + done.stderr
    assert s3.exists("bucket/cli/results.parquet")
