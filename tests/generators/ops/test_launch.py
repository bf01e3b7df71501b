"""Launching without a GPU: what is compiled, kept and passed on; a failure is said once and turns kernels off."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch

from generators.ops.cuda import cubins, driver, kernel, kernels, nvrtc
from generators.ops.cuda.driver import DriverError
from generators.ops.cuda.kernel import Kernel, Launcher
from generators.ops.cuda.nvrtc import CompileError, Cubin

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@dataclass
class OnGpu:
    """What a launch looks at of a tensor."""

    dtype: torch.dtype = torch.float16
    device: torch.device = field(default_factory=lambda: torch.device("cuda", 0))
    is_cuda: bool = True


@dataclass
class FakeDriver:
    """Notes what is loaded and launched; raises `error` when it loads."""

    loaded: list = field(default_factory=list)
    launched: list = field(default_factory=list)
    error: Exception | None = None
    version = (13, 0)

    def function(self, code, entry, device):
        if self.error:
            raise self.error
        self.loaded.append((code, entry, device))
        return self

    def launch(self, grid, block, stream, arguments):
        self.launched.append((grid, block, stream, [each.value for each in arguments]))


class FakeCompiler:
    """Notes what it compiles, and makes text of it; raises `error`."""

    version = (13, 0)

    def __init__(self):
        self.asked, self.error = [], None

    def __str__(self):
        return "13.0"

    def arch(self, capability):
        return "sm_{}{}".format(*capability)

    def compiled(self, source, name, arch, defines, headers):
        self.asked.append((name, arch, dict(defines)))
        if self.error:
            raise self.error
        assert set(headers) == {"number.h"}
        return Cubin(f"{name} {arch} {sorted(defines.items())}".encode(), "", "13.0")


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a driver, a compiler, and two GPUs whose current streams are 70 and 71."""
    here, compiler = FakeDriver(), FakeCompiler()
    monkeypatch.setattr(driver, "found", lambda: here)
    monkeypatch.setattr(nvrtc, "found", lambda: compiler)
    monkeypatch.setattr(cubins, "folder", lambda: None)
    monkeypatch.setattr(kernel, "HERE", Launcher())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, device.index))

    class Stream:
        def __init__(self, device):
            self.cuda_stream = 70 + device.index

    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    return here, compiler


WAYS = {"ACT": 2, "INDEX": "int", "WIDE": 1}


def test_compiled_once_for_each_way_type_and_gpu(gpu):
    here, compiler = gpu
    x = torch.arange(3.0)
    second = torch.device("cuda", 1)
    for like in (OnGpu(), OnGpu(), OnGpu(torch.bfloat16), OnGpu(device=second), OnGpu(device=second)):
        kernel.launch(kernels.BIAS_ACT, like, WAYS, (5, 1, 1), (256, 1, 1), [x, ctypes.c_int(4)])
    wanted = [("f16", "sm_90"), ("bf16", "sm_90"), ("f16", "sm_91")]
    assert compiler.asked == [("bias_act.cu", arch, {"NUMBER": number, **WAYS}) for number, arch in wanted]
    assert [(entry, device) for _, entry, device in here.loaded] == [
        ("bias_act", 0),
        ("bias_act", 0),
        ("bias_act", 1),
    ]
    assert [stream for _, _, stream, _ in here.launched] == [70, 70, 70, 71, 71]
    kernel.launch(kernels.BIAS_ACT, OnGpu(), {**WAYS, "ACT": 1}, (5, 1, 1), (256, 1, 1), [])
    assert len(compiler.asked) == 4


def test_a_tensor_is_passed_as_its_address(gpu):
    here, _ = gpu
    x = torch.arange(10.0)
    args = [x[3:], ctypes.c_void_p(None), ctypes.c_longlong(7), ctypes.c_float(0.5)]
    kernel.launch(kernels.BIAS_ACT, OnGpu(), WAYS, (5, 1, 1), (256, 1, 1), args)
    assert here.launched == [((5, 1, 1), (256, 1, 1), 70, [x.data_ptr() + 12, None, 7, 0.5])]


def test_no_blocks_is_no_launch(gpu):
    here, _ = gpu
    kernel.launch(kernels.BIAS_ACT, OnGpu(), WAYS, (0, 1, 1), (256, 1, 1), [])
    assert not here.launched


def test_available_tries_each_type_and_gpu_once(gpu):
    here, compiler = gpu
    assert not kernel.available(torch.zeros(3))
    assert not kernel.available(OnGpu(torch.int32))
    assert not compiler.asked
    for like in (OnGpu(), OnGpu(), OnGpu(torch.float32), OnGpu(device=torch.device("cuda", 1)), OnGpu()):
        assert kernel.available(like)
    assert [(name, arch, defines["NUMBER"]) for name, arch, defines in compiler.asked] == [
        ("trial.cu", "sm_90", "f16"),
        ("trial.cu", "sm_90", "f32"),
        ("trial.cu", "sm_91", "f16"),
    ]
    assert len(here.loaded) == 3


@pytest.mark.parametrize("number", kernel.NUMBERS.values())
def test_the_trial_compiles(number):
    compiler = nvrtc.found()
    if compiler is None:
        pytest.skip("no NVRTC (pip install nvidia-cuda-nvrtc): nothing was compiled")
    made = compiler.compiled(kernel.TRIAL, "trial.cu", "sm_75", {"NUMBER": number, "WIDE": 0}, kernel.headers())
    assert made.cost("trial").registers > 0


@pytest.mark.parametrize("missing", [driver, nvrtc])
def test_without_driver_or_compiler_there_are_no_kernels_and_no_warning(gpu, monkeypatch, missing):
    monkeypatch.setattr(missing, "found", lambda: None)
    assert not kernel.available(OnGpu())
    words = "CUDA driver was not found" if missing is driver else "NVRTC was not found"
    with pytest.warns(RuntimeWarning, match=words), pytest.raises((DriverError, CompileError), match=words):
        kernel.launch(kernels.BIAS_ACT, OnGpu(), WAYS, (5, 1, 1), (256, 1, 1), [])


@pytest.mark.parametrize("who", ["compiler", "driver"])
def test_a_failed_trial_is_said_once_and_ends_it(gpu, who):
    here, compiler = gpu
    if who == "compiler":
        compiler.error = CompileError("trial.cu(1): error: something is amiss")
    else:
        here.error = DriverError("cuModuleLoadData: something is amiss")
    with pytest.warns(RuntimeWarning, match="plain PyTorch takes their place: .*something is amiss"):
        assert not kernel.available(OnGpu())
    assert not kernel.available(OnGpu(torch.float32))  # a second warning would be an error
    compiler.error = here.error = None
    assert not kernel.available(OnGpu())
    assert not kernel.available(OnGpu(torch.bfloat16))


def test_a_kernel_that_fails_later_ends_it_too(gpu):
    _, compiler = gpu
    assert kernel.available(OnGpu())
    compiler.error = CompileError("bias_act.cu(7): error: expected a ;")
    launch = partial(kernel.launch, kernels.BIAS_ACT, OnGpu(), WAYS, (5, 1, 1), (256, 1, 1), [])
    with pytest.warns(RuntimeWarning, match="expected a ;"), pytest.raises(CompileError, match="expected a ;"):
        launch()
    with pytest.raises(CompileError, match="expected a ;"):
        launch()
    assert not kernel.available(OnGpu())


def test_a_launch_that_fails_ends_it_too(gpu, monkeypatch):
    here, _ = gpu

    def refused(*given):
        raise DriverError("cuLaunchKernel: out of resources")

    monkeypatch.setattr(here, "launch", refused, raising=False)
    with pytest.warns(RuntimeWarning, match="out of resources"), pytest.raises(DriverError):
        kernel.launch(kernels.BIAS_ACT, OnGpu(), WAYS, (5, 1, 1), (256, 1, 1), [])
    assert not kernel.available(OnGpu())


def test_a_tensor_that_is_on_no_gpu_is_refused():
    with pytest.raises(RuntimeError, match="bias_act: a kernel needs tensors on a GPU, not on cpu"):
        kernel.launch(kernels.BIAS_ACT, torch.zeros(3), WAYS, (1, 1, 1), (256, 1, 1), [])


def test_a_source_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        kernel.compiled(Kernel("none.cu", "none", 8), torch.float32, "sm_90", {})
