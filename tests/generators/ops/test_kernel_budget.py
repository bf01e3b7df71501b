"""Every kernel compiles, in every way and type, for every architecture, within its budget of registers; none spills.

The quick run compiles each kernel for every architecture and type, its ways taking turns; all of them together take
minutes (-m slow, `make kernels`).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from generators.ops.cuda import kernel, kernels, nvrtc

SOURCES = Path(kernel.__file__).parent
ARCHS = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
TYPES = tuple(kernel.NUMBERS)


@pytest.fixture
def compiler():
    if nvrtc.found() is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): NO kernel was compiled")


def check(checked: kernels.Checked, defines: kernels.Defines, dtype, arch: str) -> None:
    file, way = checked.kernel.file, {"NUMBER": kernel.NUMBERS[dtype], **defines}
    made = nvrtc.compiled(kernel.text(file), file, arch, way, kernel.headers())
    cost = made.cost(checked.kernel.entry)
    assert cost.registers <= checked.kernel.budget, f"{checked.kernel.entry} {way} {arch}: {cost}"
    assert cost.spilled == cost.stack == 0, f"{checked.kernel.entry} {way} {arch}: {cost}"
    assert "warning" not in made.log, made.log


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("checked", kernels.KERNELS, ids=lambda checked: checked.kernel.entry)
def test_each_type(compiler, checked, arch):
    for number, dtype in enumerate(TYPES):
        turn = ARCHS.index(arch) * len(TYPES) + number
        check(checked, checked.grid[5 * turn % len(checked.grid)], dtype, arch)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("checked", kernels.KERNELS, ids=lambda checked: checked.kernel.entry)
def test_each_way_and_type(compiler, checked, dtype, arch):
    for defines in checked.grid:
        check(checked, defines, dtype, arch)


def test_every_source_is_checked():
    """The list is not empty, names each file and each entry, and each of a kernel's ways once."""
    entries = {name for file in SOURCES.glob("*.cu") for name in entries_of(file.read_text())}
    assert entries == {checked.kernel.entry for checked in kernels.KERNELS}
    assert {file.name for file in SOURCES.glob("*.cu")} == {checked.kernel.file for checked in kernels.KERNELS}
    for checked in kernels.KERNELS:
        ways = [tuple(sorted(defines.items())) for defines in checked.grid]
        assert ways
        assert len(set(ways)) == len(ways)


def entries_of(source: str) -> list[str]:
    """Names after `extern "C" __global__ void` and the bounds of their launch."""
    starts = source.split('extern "C" __global__ void ')[1:]
    return [re.match(r"(?:BOUNDS|__launch_bounds__\(\d+\)) (\w+)\(", start)[1] for start in starts]


def test_a_budget_can_be_broken(compiler):
    """The check itself: with one register less than a kernel takes, it fails."""
    (checked, *_) = kernels.KERNELS
    defines = checked.grid[0]
    way = {"NUMBER": "f32", **defines}
    made = nvrtc.compiled(kernel.text(checked.kernel.file), checked.kernel.file, "sm_90", way, kernel.headers())
    short = kernel.Kernel(checked.kernel.file, checked.kernel.entry, made.cost(checked.kernel.entry).registers - 1)
    with pytest.raises(AssertionError, match="Cost"):
        check(kernels.Checked(short, (defines,)), defines, TYPES[2], "sm_90")
