"""The compiler: what it makes, what it says, what it costs; and where it is looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from generators.ops.cuda import driver, nvrtc
from generators.ops.cuda.nvrtc import CompileError, Cost, Cubin

TWICE = 'extern "C" __global__ void twice(float* x) { x[threadIdx.x] *= 2; }'
CROWDED = """
extern "C" __global__ void __launch_bounds__(1024, 2) crowded(const float* x, float* y) {
    float kept[96];
#pragma unroll
    for (int i = 0; i < 96; i++) kept[i] = x[i * 1024 + threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 96; i++) y[i * 1024 + threadIdx.x] = kept[i] * kept[95 - i];
}
"""


@pytest.fixture(scope="module", autouse=True)
def compiler():
    if nvrtc.found() is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): nothing was compiled")
    return nvrtc.found()


@pytest.mark.parametrize("arch", ["sm_75", "sm_90", "sm_120"])
def test_machine_code_and_its_cost(compiler, arch):
    made = nvrtc.compiled(TWICE, "twice.cu", arch, {}, {})
    assert made.data[:4] == b"\x7fELF"
    assert b"twice" in made.data
    assert made.version == str(compiler)
    cost = made.cost("twice")
    assert 4 <= cost.registers <= 24
    assert (cost.stack, cost.spilled) == (0, 0)
    assert nvrtc.compiled(TWICE, "twice.cu", arch, {}, {}).data == made.data


def test_the_log_shows_a_spill():
    cost = nvrtc.compiled(CROWDED, "crowded.cu", "sm_90", {}, {}).cost("crowded")
    assert cost.registers <= 32  # 65536 for 2048 threads
    assert cost.spilled > 100  # bytes, stored and loaded
    assert cost.stack > 0


def test_the_cost_is_of_the_entry_asked_for_and_of_all_that_it_calls():
    log = """ptxas info    : Compiling entry function 'a' for 'sm_90'
ptxas info    : Function properties for a
ptxas         .     8 bytes stack frame, 4 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 25 registers, used 0 barriers
ptxas info    : Compiling entry function 'ab' for 'sm_90'
ptxas info    : Function properties for ab
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 7 registers, 380 bytes cmem[0]"""
    assert Cubin(b"", log, "13.0").cost("a") == Cost(25, 8, 16)
    assert Cubin(b"", log, "13.0").cost("ab") == Cost(7, 8, 16)
    with pytest.raises(ValueError, match="no registers of b"):
        Cubin(b"", log, "13.0").cost("b")


def test_ptx_for_a_gpu_that_it_does_not_know():
    made = nvrtc.compiled(TWICE, "twice.cu", "compute_90", {}, {})
    assert b".target sm_90" in made.data
    with pytest.raises(ValueError, match="no registers"):
        made.cost("twice")


def test_defines_and_headers_decide():
    source = (
        '#include "by.h"\nextern "C" __global__ void by(INDEX* x) { *x = BY + FROM_HEADER + (INDEX)sizeof(INDEX); }'
    )
    codes = {
        nvrtc.compiled(source, "by.cu", "sm_90", {"INDEX": index, "BY": by}, {"by.h": header}).data
        for index in ("int", "long long")
        for by in (0, 16)
        for header in ("#define FROM_HEADER 1", "#define FROM_HEADER 2")
    }
    assert len(codes) == 8


def test_what_does_not_compile_is_told_in_the_compilers_words():
    broken = 'extern "C" __global__ void f(float* x) {\n    *x = unknown_thing;\n}'
    with pytest.raises(CompileError, match=r'broken\.cu for sm_90: (?s:.*)broken\.cu\(2\).*"unknown_thing"'):
        nvrtc.compiled(broken, "broken.cu", "sm_90", {}, {})
    with pytest.raises(CompileError, match=r"no such file|could not open source file|cannot open source file"):
        nvrtc.compiled('#include "missing.h"', "broken.cu", "sm_90", {}, {})
    with pytest.raises(CompileError, match="gpu-architecture"):
        nvrtc.compiled(TWICE, "twice.cu", "sm_1", {}, {})


def test_no_compiler_is_one_clear_error(monkeypatch):
    monkeypatch.setattr(nvrtc, "found", lambda: None)
    with pytest.raises(CompileError, match="pip install nvidia-cuda-nvrtc"):
        nvrtc.compiled(TWICE, "twice.cu", "sm_90", {}, {})


def test_the_architecture_for_a_gpu(compiler, monkeypatch):
    monkeypatch.setattr(compiler, "knows", [75, 80, 86, 90, 120])
    wanted = {(7, 5): "sm_75", (9, 0): "sm_90", (8, 9): "sm_86", (10, 0): "compute_90", (12, 1): "sm_120"}
    assert {capability: compiler.arch(capability) for capability in wanted} == wanted
    with pytest.raises(CompileError, match="for sm_75 and newer, not for sm_61"):
        compiler.arch((6, 1))


def test_wheels_are_found_without_importing_them(tmp_path, monkeypatch):
    """CUDA 13's before CUDA 12's; neither built-ins nor what is built otherwise is taken for the compiler."""
    files = {
        "nvidia/cuda_nvrtc/lib": ["libnvrtc.so.12", "libnvrtc-builtins.so.12.8", "libnvrtc.alt.so.12"],
        "nvidia/cu13/lib": ["libnvrtc-builtins.so.13.0", "libnvrtc.so.13", "libnvrtc-builtins.alt.so.13.0"],
        "nvidia/cuda_nvrtc/bin": ["nvrtc64_120_0.dll", "nvrtc-builtins64_128.dll", "nvrtc64_120_0.alt.dll"],
    }
    for folder, names in files.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / folder / name).touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("nvidia", "torch")]:
        monkeypatch.delitem(sys.modules, name)
    names = [path.relative_to(tmp_path).as_posix() for path in nvrtc.candidates() if path.is_absolute()]
    assert names == [
        "nvidia/cu13/lib/libnvrtc.so.13",
        "nvidia/cuda_nvrtc/lib/libnvrtc.so.12",
        "nvidia/cuda_nvrtc/bin/nvrtc64_120_0.dll",
    ]
    assert "torch" not in sys.modules


def test_a_compiler_newer_than_the_driver_is_passed_over(compiler, monkeypatch, tmp_path):
    """A file that is no library is passed over too."""
    damaged = tmp_path / "libnvrtc.so.13"
    damaged.write_bytes(b"no library")
    monkeypatch.setattr(nvrtc, "candidates", lambda: iter([damaged, Path("libnvrtc.so.0"), compiler.path]))

    class Old:
        version = (compiler.version[0] - 1, 8)

    look = nvrtc.found.__wrapped__
    monkeypatch.setattr(driver, "found", lambda: None)
    assert look().path == compiler.path
    monkeypatch.setattr(driver, "found", Old)
    assert look() is None
    monkeypatch.setattr(Old, "version", (compiler.version[0], 0))
    assert look().path == compiler.path
