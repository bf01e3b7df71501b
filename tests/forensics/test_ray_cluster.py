"""A scan on a cluster of two machines, of which one is lost in the middle: no row lost, none twice, the same bits.

The machines are two nodes of Ray on this one, each with processes, ports and a folder of its own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

HERE = Path(__file__).parent
PHOTOS, WORKERS = 80, 3
SCAN = """
import sys; sys.path.insert(0, sys.argv[4]); import standin_panel
from functools import partial; from pathlib import Path
from forensics.engine import Engine; from forensics.ray_crew import RayCrew; from forensics.scan import scan
taken, most, plain = 0, 0, RayCrew.map
def counted(items):
    global taken
    for taken, item in enumerate(items, 1): yield item
def watch(done, total, kept):
    global most
    most = max(most, taken - done); print("done", done, flush=True)
RayCrew.map = lambda crew, job, items: plain(crew, job, counted(items))
summary = scan(Path(sys.argv[1]), Path(sys.argv[2]), partial(standin_panel.load, pause=0.15), int(sys.argv[5]), watch,
               engine=Engine(sys.argv[3]))
print("rows", summary.rows, "kept", summary.kept, "in flight", most)
"""
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent.parent)]),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed: this check did NOT run"),
]


@pytest.fixture
def cluster() -> Iterator[tuple[str, int]]:
    """The address of a cluster of two nodes, and the session of the second one's processes."""
    with TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as home:
        port, nodes = free_port(), []
        try:
            nodes.append(node(1, ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={home}/1"]))
            wait_until(lambda: reachable(port) and running(nodes[0].pid, "raylet/raylet"), "the first node runs")
            nodes.append(node(2, [f"--address=127.0.0.1:{port}", f"--temp-dir={home}/2"]))
            wait_until(lambda: running(nodes[1].pid, "raylet/raylet"), "the second node runs")
            yield f"127.0.0.1:{port}", nodes[1].pid
        finally:
            for started in reversed(nodes):
                end(started)
            assert not [pid for started in nodes for pid in running(started.pid)]


def node(cpus: int, where: list[str]) -> subprocess.Popen:
    """One machine: all its processes are of one session, whose number is that of the first."""
    command = [str(Path(sys.executable).with_name("ray")), "start", "--block", "--node-ip-address=127.0.0.1"]
    command += [f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={100 * 2**20}"]
    command += [f"--dashboard-agent-listen-port={free_port()}", *where]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "RAY_ADDRESS"}
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdout=nowhere, stderr=nowhere, start_new_session=True)


def running(session: int, name: str = "") -> list[int]:
    """Processes of a session whose command line holds `name`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, its, *_ = (process / "stat").read_text().rpartition(")")[2].split()
            if int(its) == session and state != "Z" and name.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def end(started: subprocess.Popen) -> None:
    """All processes of a node; those that begin meanwhile, too."""
    until = time.monotonic() + 20
    while (pids := running(started.pid)) and time.monotonic() < until:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
    started.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def reachable(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def wait_until(true: Callable[[], object], what: str, patience: float = 60) -> None:
    until = time.monotonic() + patience
    while not true():
        assert time.monotonic() < until, f"not within {patience:g} seconds: {what}"
        time.sleep(0.1)


def scanning(photos: Path, out: Path, engine: str, **environment: str) -> subprocess.Popen:
    command = [sys.executable, "-c", SCAN, str(photos), str(out), engine, str(HERE), str(WORKERS)]
    return subprocess.Popen(command, env={**ENVIRONMENT, **environment}, stdout=subprocess.PIPE, text=True)


def test_one_of_two_machines_is_lost(cluster, tmp_path):
    address, second = cluster
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for i in range(PHOTOS):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(photos / f"{i:02d}.png")
    written = {}
    for engine, settings in (("local", {}), ("ray", {"RAY_ADDRESS": address})):
        out, said, lost = tmp_path / f"{engine}.parquet", [], 0
        with scanning(photos, out, engine, **settings) as process:
            for line in process.stdout:
                if not line.startswith(("done", "rows")):  # Ray itself says that a node is lost
                    continue
                said.append(line.split())
                if engine == "ray" and not lost and len(said) >= 12 and len(running(second, "ray::Actor")) == 2:
                    [raylet] = running(second, "raylet/raylet")
                    os.kill(raylet, signal.SIGKILL)
                    lost = len(said)
        assert process.returncode == 0
        assert said[-1][:4] == ["rows", str(PHOTOS), "kept", "0"]
        if engine == "ray":
            assert 2 <= int(said[-1][-1]) <= WORKERS  # in flight: never more than there are actors
        assert [int(line[1]) for line in said[:-1]] == list(range(1, PHOTOS + 1))
        written[engine] = out.read_bytes()
    assert 0 < lost < PHOTOS - WORKERS
    found = parquet.read_table(tmp_path / "ray.parquet").to_pylist()
    assert [row["path"] for row in found] == [f"{i:02d}.png" for i in range(PHOTOS)]
    assert {row["status"] for row in found} == {"ok"}
    assert written["ray"] == written["local"]
