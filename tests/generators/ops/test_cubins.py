"""The cache: the same code from it as from the compiler, whatever happens to its files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from generators.ops.cuda import cubins, nvrtc
from generators.ops.cuda.cubins import cubin
from generators.ops.cuda.nvrtc import CompileError, Cubin

ROOT = Path(cubins.__file__).resolve().parents[3]
HALVE = '#include "n.h"\nextern "C" __global__ void halve(float* x) { x[threadIdx.x] /= BY + N; }'


class Counting:
    """A compiler that counts what it is asked for."""

    def __init__(self, version="13.0"):
        self.asked, self.version = 0, version

    def __str__(self):
        return self.version

    def compiled(self, source, name, arch, defines, headers):
        self.asked += 1
        if "wrong" in source:
            raise CompileError("wrong")
        return Cubin(f"{source}{arch}{defines}{headers}".encode() + bytes(range(256)), "log\n", str(self))


@pytest.fixture
def counting(monkeypatch) -> Counting:
    compiler = Counting()
    monkeypatch.setattr(nvrtc, "found", lambda: compiler)
    return compiler


def made(at: Path, source=HALVE, name="halve.cu", arch="sm_90", by: str | int = 2, header="#define N 1") -> Cubin:
    return cubin(source, name, arch, {"BY": by}, {"n.h": header}, at)


def test_a_second_time_it_is_read(counting, tmp_path):
    new, again = made(tmp_path / "a" / "b"), made(tmp_path / "a" / "b")
    assert counting.asked == 1
    assert (again.data, again.log, again.version) == (new.data, new.log, new.version)
    assert (new.cached, again.cached) == (False, True)
    assert [path.suffix for path in (tmp_path / "a" / "b").iterdir()] == [".cubin"]


def test_all_that_decides_makes_another_file(counting, tmp_path):
    ways = [{}, {"source": HALVE + " "}, {"name": "h.cu"}, {"arch": "sm_80"}, {"by": 3}, {"header": "#define N 2"}]
    for way in ways * 2:
        made(tmp_path, **way)
    assert counting.asked == len(ways)
    counting.version = "13.1"
    assert made(tmp_path).version == "13.1"
    assert counting.asked == len(ways) + 1
    assert len(list(tmp_path.iterdir())) == len(ways) + 1


def test_the_order_of_defines_does_not_matter(counting, tmp_path):
    for defines in ({"A": 1, "B": 2}, {"B": "2", "A": 1}):
        cubin(HALVE, "halve.cu", "sm_90", defines, {}, tmp_path)
    assert counting.asked == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[:10],
        lambda whole: b"",
        lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
        lambda whole: whole.replace(b"log", b"lag", 1),
        lambda whole: b"[]\n" + whole,
        lambda whole: b"{}\n" + whole,
        lambda whole: b'{"log": 1, "sha256": ""}\n',
        lambda whole: b"\xff\xfe\n" + whole,
    ],
)
def test_a_damaged_file_is_compiled_anew_and_mended(counting, tmp_path, damage):
    new = made(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    mended = made(tmp_path)
    assert (mended.data, mended.cached) == (new.data, False)
    assert (made(tmp_path).data, counting.asked) == (new.data, 2)


def test_where_nothing_can_be_written_it_compiles(counting, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for _ in range(2):
        assert made(tmp_path / "file" / "below").data
    assert counting.asked == 2
    if os.geteuid() != 0:  # for whom nothing is read-only
        tmp_path.chmod(0o500)
        assert made(tmp_path).data
        tmp_path.chmod(0o700)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert made(tmp_path / "full").data
    assert not list((tmp_path / "full").iterdir())  # nothing half done
    monkeypatch.setattr(cubins, "folder", lambda: None)
    assert made(None).data


def test_what_does_not_compile_leaves_no_file(counting, tmp_path):
    for _ in range(2):
        with pytest.raises(CompileError, match="wrong"):
            made(tmp_path, source="wrong")
    assert counting.asked == 2
    assert not list(tmp_path.iterdir())


WRITER = """
import sys
from pathlib import Path

from generators.ops.cuda import cubins
from generators.ops.cuda.nvrtc import Cubin

path = Path(sys.argv[1])
new = Cubin(b"code" * 50_000, "log", "13.0")
print("ready", flush=True)
sys.stdin.readline()
for _ in range(60):
    cubins.write(path, new)
    assert cubins.read(path, "13.0").data == new.data
"""


def test_many_writers_of_one_file(tmp_path):
    """Each that reads while others write finds it whole; nothing is left beside it."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "one.cubin")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(3)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    errors = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0], errors
    assert [path.name for path in tmp_path.iterdir()] == ["one.cubin"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders of Linux")
def test_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cubins.folder() == tmp_path / "deepfake-forensics" / "kernels"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for not_absolute in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", not_absolute)
        assert cubins.folder() == tmp_path / "home" / ".cache" / "deepfake-forensics" / "kernels"

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert cubins.folder() is None


def test_with_the_real_compiler(tmp_path, monkeypatch):
    if nvrtc.found() is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): nothing was compiled")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    new, again = made(None), made(None)
    assert again.cached
    assert again.cost("halve") == new.cost("halve")
    assert (
        again.data == new.data == nvrtc.compiled(HALVE, "halve.cu", "sm_90", {"BY": 2}, {"n.h": "#define N 1"}).data
    )
