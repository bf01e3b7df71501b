"""Ray's actors answer as the local workers do, whatever becomes of a worker, and say nothing to anybody else."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from forensics.crew import Crew, Lost
from forensics.engine import Engine, crew_of
from forensics.ray_crew import RayCrew, connected, gpu_share
from forensics.refusal import Refusal
from forensics.scan import scan

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def panel():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(HERE)  # workers receive this process's sys.path
        yield importlib.import_module("standin_panel")


@pytest.fixture(scope="module")
def ray():
    if importlib.util.find_spec("ray") is None:
        pytest.skip("the extra `ray` is not installed: this check did NOT run")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


def square(held: int, item: int) -> tuple[int, int]:
    return held, item * item


def seven() -> int:
    return 7


def kill_the_actor(notes: Path, held: int, item: str) -> str:
    """What the loss of a machine does: the actor is gone, and its worker with it."""
    if item == "always" or (item == "once" and not (notes / item).exists()):
        (notes / item).touch()
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return item


def fail(held: int, item: int) -> None:
    raise ZeroDivisionError("a mistake of ours")


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Refusal, match=r"pip install 'deepfake-forensics\[ray\]'"), RayCrew(seven, 1):
        pass
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_an_engine_is_a_crew():
    assert isinstance(crew_of(Engine.LOCAL, seven, 2), Crew)
    assert isinstance(crew_of(Engine("ray"), seven, 2), RayCrew)
    for engine in Engine:
        with pytest.raises(Refusal, match="at least 1"):
            crew_of(engine, seven, 0)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense", "127.0.0.1:many"])
def test_a_cluster_that_is_not_there(ray, monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(Refusal, match=f"RAY_ADDRESS {address}: no cluster there"), RayCrew(seven, 1):
        pass


@pytest.mark.parametrize(
    ("nodes", "size"),
    [([{"GPU": 1.0}], 3), ([{"GPU": 2.0}], 3), ([{"GPU": 1.0}, {"GPU": 4.0}], 64), ([{"GPU": 8.0}], 2)],
)
def test_shares_of_gpus_fit_and_are_as_large_as_can_be(nodes, size):
    share, gpus = gpu_share(nodes, size), sum(node["GPU"] for node in nodes)
    assert 0 < share <= 1
    assert gpus * (1 // share) >= size
    larger = round(share + 1e-4, 4)
    assert share == 1 or gpus * (1 // larger) < size


def test_no_gpu_is_asked_for_where_a_machine_has_none():
    assert gpu_share([{"CPU": 2.0}], 2) == 0
    assert gpu_share([{"CPU": 4.0, "GPU": 1.0}, {"CPU": 64.0}], 68) == 0


@pytest.mark.slow
def test_rows_are_the_local_ones_bit_for_bit(ray, panel, tmp_path):
    """Also of photos that are none, that kill or hang their worker, and whose names are no text."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, first in (
        ("crashes", panel.CRASHES),
        ("hangs", panel.HANGS),
        ("odd\udcff", (9, 9, 9)),
        ("one", (1, 2, 3)),
    ):
        pixels = np.full((12, 12, 3), len(name) * 20, np.uint8)
        pixels[0, 0] = first
        Image.fromarray(pixels).save(os.fsencode(photos / f"{name}.png"), "PNG")
    (photos / "words.jpg").write_text("not a photo")
    written = {}
    for engine in Engine:
        out = tmp_path / f"{engine}.parquet"
        summary = scan(photos, out, panel.load, workers=2, patience=1.0, engine=engine)
        written[engine] = out.read_bytes()
    assert summary.rows == 5
    assert set(summary.reasons) > {"the decoder crashed (SIGSEGV)", "it was not done after 1 seconds"}
    assert written[Engine.RAY] == written[Engine.LOCAL]


@pytest.mark.slow
def test_a_crew_of_actors(ray, panel, tmp_path):
    with connected(2):  # one cluster for all crews of this test
        crews(panel, tmp_path)
        pids = [pid for pid in children_of(os.getpid()) if "ray" in command(pid)]
        assert pids
        assert not [where for pid in pids for where in listening(pid) if not where.startswith("127.")]
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert "RAY_AUTH_TOKEN" not in os.environ


def crews(panel, tmp_path):
    taken = []

    def items():
        for item in range(20):
            taken.append(item)
            yield item

    with RayCrew(seven, 2) as crew:
        answered = 0
        for item, answer in crew.map(square, items()):
            assert answer == (7, item * item)
            answered += 1
            assert len(taken) <= answered + 2  # no more in flight than actors
        assert answered == 20

        found = dict(crew.map(partial(kill_the_actor, tmp_path), ["fine", "once", "always", "last"]))
        assert (found["fine"], found["once"], found["last"]) == ("fine", "once", "last")
        assert isinstance(found["always"], Lost)
        assert "gone" in found["always"].why

        with pytest.raises(RuntimeError, match="ZeroDivisionError: a mistake of ours"):
            list(crew.map(fail, [1]))
        for _ in crew.map(square, range(5)):  # one who stops listening
            break
        assert dict(crew.map(square, [3])) == {3: (7, 9)}

    for hold, why in ((panel.refuse, "make weights"), (panel.die, "died while it loaded")):
        with pytest.raises(Refusal, match=why), RayCrew(hold, 1) as crew:
            list(crew.map(square, [1]))


def children_of(pid: int) -> list[int]:
    """All processes below this one."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found + [below for child in found for below in children_of(child)]


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def listening(pid: int) -> list[str]:
    """Addresses on which a process accepts connections of others."""
    sockets = set()
    with suppress(FileNotFoundError):  # an actor's process that has just ended listens to nobody
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                target = os.readlink(file)
                if target.startswith("socket:["):
                    sockets.add(target[8:-1])
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in sockets:
                raw = bytes.fromhex(fields[1].split(":")[0])
                found.append(socket.inet_ntop(socket.AF_INET, raw[-4:][::-1]))
    return found
