"""CUDA kernels without a GPU: each .cu compiled as C++ with a small shim, in place of the real launch."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from generators.ops.cuda import kernel, kernels

SOURCES = Path(kernels.__file__).parent
SHIM = Path(__file__).with_name("host_shim.h")
NUMBERS = {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64"}
OPTIONS = ["-std=c++17", "-O1", "-fPIC", "-shared", "-ffp-contract=off"]

Key = tuple[tuple[str, str | int], ...]


class Host:
    """Launches kernels in loops on the CPU; compiles what is needed, several ways of one kernel at a time."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.compiled: dict[tuple[str, Key], ctypes._CFuncPtr] = {}
        self.launched: list[tuple[str, dict]] = []  # entry and defines, for tests to look at

    def launch(self, what, like: Tensor, defines: Mapping, grid, block, args) -> None:
        assert grid[1:] == block[1:] == (1, 1)
        assert grid[0] > 0
        assert block[0] <= 1024
        key = tuple(sorted({**defines, "NUMBER": NUMBERS[like.dtype]}.items()))
        if (what.entry, key) not in self.compiled:
            self.compile(what, key)
        self.launched.append((what.entry, dict(defines)))
        kept = [ctypes.c_void_p(arg.data_ptr()) if isinstance(arg, Tensor) else arg for arg in args]
        addresses = (ctypes.c_void_p * len(kept))(*map(ctypes.addressof, kept))
        wanted = self.compiled[what.entry, key](grid[0], block[0], addresses, len(kept))
        assert wanted == 0, f"{what.entry} takes {wanted} arguments, not {len(kept)}"

    def compile(self, what, key: Key) -> None:
        """`key`, and with it what tests of the same type will want: starting the compiler takes longest."""
        defines, layouts = dict(key), [{"LAST": last, "WIDE": wide} for last, wide in ((0, 0), (1, 0), (1, 1))]
        others: list[Mapping] = [{}]
        if what == kernels.BIAS_ACT:
            others = [{"ACT": act} for act in range(9)]
        elif what == kernels.EPILOGUE:
            others = [{"ACT": act, **each} for act in range(3) for each in (*layouts, {"LAST": 0, "WIDE": 1})]
        elif what == kernels.UPFIRDN2D_TILE:
            others = [{**tile.defines(bool(each["LAST"])), **each} for tile in kernels.TILES for each in layouts]
        keys = [tuple(sorted({**defines, **other}.items())) for other in others]
        assert key in keys
        header = (SOURCES / "number.h").read_text().replace("#pragma once", "")
        body = (SOURCES / what.file).read_text().replace('#include "number.h"', header)
        text = f'#include "{SHIM}"\n'
        macros = {line.split()[1].split("(")[0] for line in body.splitlines() if line.startswith("#define")}
        for at, each in enumerate(keys):
            name = f"{what.entry}_{at}"
            text += "".join(f"#define {define} {value}\n" for define, value in [*each, (what.entry, name)])
            text += f"namespace way{at} {{\n{body}\n}}\n"
            text += "".join(f"#undef {name}\n" for name in [*macros, *dict(each), what.entry])
            text += f'extern "C" int run_{name}(unsigned int blocks, unsigned int size, void** args, int given)\n'
            text += f"{{ return launch_on_host(way{at}::{name}, blocks, size, args, given); }}\n"
        stem = self.folder / f"{what.entry}_{defines['NUMBER']}_{len(self.compiled)}"
        stem.with_suffix(".cpp").write_text(text)
        command = ["g++", *OPTIONS, str(stem.with_suffix(".cpp")), "-o", str(stem.with_suffix(".so"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:4000]
        library = ctypes.CDLL(str(stem.with_suffix(".so")), mode=os.RTLD_LOCAL)
        for at, each in enumerate(keys):
            self.compiled[what.entry, each] = library[f"run_{what.entry}_{at}"]


@pytest.fixture(scope="session")
def host(tmp_path_factory) -> Host:
    if shutil.which("g++") is None:
        pytest.skip("no g++: kernels did NOT run on the CPU")
    return Host(tmp_path_factory.mktemp("kernels"))


@pytest.fixture
def on_host(host, monkeypatch) -> Host:
    """Within a test, CPU tensors take the kernels."""
    monkeypatch.setattr(kernel, "available", lambda like: True)
    monkeypatch.setattr(kernel, "launch", host.launch)
    host.launched.clear()
    return host


def derivatives(of, *given: Tensor) -> list[Tensor]:
    """y, its gradients against a fixed cotangent, and the gradients of those by the inputs and the cotangent."""
    learned = [each.detach().clone().requires_grad_(True) for each in given]
    y = of(*learned)
    cotangent = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape).requires_grad_(True)
    first = torch.autograd.grad((y * cotangent).sum(), learned, create_graph=True)
    probes = [torch.linspace(1, -2, g.numel(), dtype=g.dtype).reshape(g.shape) for g in first]
    again = sum((g * probe).sum() for g, probe in zip(first, probes, strict=True))
    second = torch.autograd.grad(again, [*learned, cotangent], allow_unused=True, materialize_grads=True)
    return [y, *first, *second]


@pytest.fixture
def same_derivatives():
    """Two functions' values, first and second gradients agree."""

    def compare(ours, twin, *given: Tensor, rtol: float = 1e-10, atol: float = 1e-10) -> None:
        for mine, truth in zip(derivatives(ours, *given), derivatives(twin, *given), strict=True):
            torch.testing.assert_close(mine, truth, rtol=rtol, atol=atol)

    return compare


@pytest.fixture
def tolerance():
    """rtol and atol of one rounding, for a result that was computed in more digits from the same numbers.

    float16 has 11 bits, bfloat16 8: rounding is off by at most 2^-11, or 2^-8, of the number; 1 % more and atol
    are for float's own errors and float16's smallest step, 2^-24. The twin would round after each operation: it is
    computed in float64.
    """
    return {
        torch.float64: {"rtol": 1e-12, "atol": 1e-12},
        torch.float32: {"rtol": 2**-19, "atol": 2**-21},
        torch.float16: {"rtol": 1.01 * 2**-11, "atol": 2**-22},
        torch.bfloat16: {"rtol": 1.01 * 2**-8, "atol": 2**-22},
    }
