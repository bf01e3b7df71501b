"""The doctor's comparison, on the CPU: sound kernels are found sound, spoilt ones are found out."""

from __future__ import annotations

import math

import pytest
import torch

from generators.ops import checkup
from generators.ops.checkup import MOST, build, difference
from generators.ops.cuda import cubins, kernel, nvrtc
from generators.ops.cuda.kernels import BIAS_ACT, EPILOGUE, KERNELS, UPFIRDN2D, UPFIRDN2D_TILE, Checked
from generators.ops.cuda.nvrtc import CompileError


def test_every_kernel_is_compared():
    assert set(checkup.CASES) == {checked.kernel for checked in KERNELS}


@pytest.mark.parametrize("of", checkup.CASES, ids=lambda of: of.entry)
def test_a_sound_kernel_is_near_its_twin(on_host, of):
    assert 0 < difference(of, torch.bfloat16, "cpu") < MOST / 2
    assert {entry for entry, _ in on_host.launched} == {of.entry}  # and is what ran
    assert {defines["WIDE"] for _, defines in on_host.launched} == {0, 1}


@pytest.mark.slow  # compiles two more types of number
@pytest.mark.parametrize("of", [BIAS_ACT, UPFIRDN2D], ids=lambda of: of.entry)
def test_in_all_digits(on_host, of):
    assert difference(of, torch.float32, "cpu") < MOST / 2
    assert difference(of, torch.float64, "cpu") < MOST / 2


SPOILT = {
    "all by a tenth": lambda y: y.mul_(1.1),
    "the last number": lambda y: y[-1, -1, -1, -1].add_(1),
    "not a number": lambda y: y[0, 0, 0, 0].fill_(math.nan),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_kernel_is_found_out(on_host, monkeypatch, spoil):
    def launch(what, like, defines, grid, block, args):
        on_host.launch(what, like, defines, grid, block, args)
        outputs = {BIAS_ACT: 4, UPFIRDN2D: 2, UPFIRDN2D_TILE: 2, EPILOGUE: 6}  # the place of an output
        if isinstance(args[outputs[what]], torch.Tensor):
            spoil(args[outputs[what]])

    monkeypatch.setattr(kernel, "launch", launch)
    for of in checkup.CASES:
        assert difference(of, torch.bfloat16, "cpu") > MOST, of.entry


@pytest.fixture
def cached(monkeypatch, tmp_path):
    if nvrtc.found() is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): nothing was compiled")
    monkeypatch.setattr(cubins, "folder", lambda: tmp_path)
    return tmp_path


def test_building_tells_what_it_took(cached):
    ways = next(checked for checked in KERNELS if checked.kernel == UPFIRDN2D)
    done = []
    first, again = (build(ways, torch.float32, "sm_90", lambda: done.append(1)) for _ in range(2))
    assert (first.ways, first.new, again.new) == (len(ways.grid), len(ways.grid), 0)
    assert len(done) == 2 * len(ways.grid)
    assert 10 < first.registers == again.registers <= UPFIRDN2D.budget
    assert first.spilled == again.spilled == 0
    assert build(Checked(UPFIRDN2D, ways.grid[:1]), torch.float32, "compute_90").registers == 0


def test_what_does_not_build_is_told(cached):
    with pytest.raises(CompileError, match=r"upfirdn2d\.cu"):
        build(
            Checked(UPFIRDN2D, ({"TILED": 0, "LAST": 0, "WIDE": 0, "INDEX": "unheard_of"},)), torch.float32, "sm_90"
        )
