"""A kernel and its launch: compiled when first needed, kept, put on torch's current stream of the tensor's device.

Whether kernels can run is tried once for each device and type, on a kernel of one line, before any operation begins.
What fails is said once, in the compiler's or the driver's own words; from then on every operation takes its twin.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor

from generators.ops.cuda import cubins, driver, nvrtc
from generators.ops.cuda.driver import Argument, Driver, DriverError, Function, Triple
from generators.ops.cuda.nvrtc import CompileError, Cubin

NUMBERS = {torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64"}
TRIAL = '#include "number.h"\nextern "C" __global__ void trial(number* x) { store(x, load(x)); }\n'

FAILURES = (CompileError, DriverError)  # after which an operation computes as its twin

Defines = Mapping[str, str | int]  # all but NUMBER, which follows the tensors


@dataclass(frozen=True)
class Kernel:
    """A kernel: its file, its entry, and the registers that one thread may use."""

    file: str
    entry: str
    budget: int


def launch(
    kernel: Kernel,
    like: Tensor,
    defines: Defines,
    grid: Triple,
    block: Triple,
    args: Sequence[Tensor | Argument],
) -> None:
    """Run `kernel`, compiled for `like`'s device and type with `defines`, on `args`: as its source lists them.

    A tensor is passed as the address of its first element. Returns at once. Raises RuntimeError for a tensor that is
    not on a GPU, CompileError or DriverError for what fails.
    """
    HERE.launch(kernel, like, defines, grid, block, args)


def available(like: Tensor) -> bool:
    """Whether kernels run on like's device and type, and nothing has failed to compile in this process."""
    return like.is_cuda and like.dtype in NUMBERS and HERE.works(like)


def compiled(kernel: Kernel, dtype: torch.dtype, arch: str, defines: Defines) -> Cubin:
    """The kernel for an architecture ("sm_90"), from the cache if it is there. Needs no GPU. Raises CompileError."""
    return cubins.cubin(text(kernel.file), kernel.file, arch, {"NUMBER": NUMBERS[dtype], **defines}, headers())


@cache
def text(file: str) -> str:
    return Path(__file__).with_name(file).read_text(encoding="utf-8")


def headers() -> Mapping[str, str]:
    return {"number.h": text("number.h")}


@dataclass
class Launcher:
    """The kernels that this process has loaded, and what went wrong if anything did."""

    functions: dict[tuple, Function] = field(default_factory=dict)
    tried: dict[tuple[int, torch.dtype], bool] = field(default_factory=dict)
    failure: Exception | None = None
    lock: Lock = field(default_factory=Lock)

    def launch(self, kernel: Kernel, like: Tensor, defines: Defines, grid: Triple, block: Triple, args) -> None:
        device = like.device
        if device.type != "cuda":
            raise RuntimeError(f"{kernel.entry}: a kernel needs tensors on a GPU, not on {device}")
        if 0 in grid or 0 in block:
            return  # nothing to do, which the driver calls an error
        key = (kernel, like.dtype, device.index, *defines.items())
        function = self.functions.get(key)
        if function is None:
            function = self.functions[key] = self.load(kernel, like, defines)
        passed = [ctypes.c_void_p(arg.data_ptr()) if isinstance(arg, Tensor) else arg for arg in args]
        try:
            function.launch(grid, block, torch.cuda.current_stream(device).cuda_stream, passed)
        except DriverError as error:
            self.fail(error)
            raise

    def load(self, kernel: Kernel, like: Tensor, defines: Defines) -> Function:
        """Compile, or find, and hand to the driver; a failure ends all use of kernels."""
        try:
            code = compiled(kernel, like.dtype, arch_of(like.device), defines)
            return driver_here().function(code.data, kernel.entry, like.device.index)
        except FAILURES as error:
            self.fail(error)
            raise

    def works(self, like: Tensor) -> bool:
        if self.failure is not None:
            return False
        key = like.device.index, like.dtype
        if key not in self.tried:
            self.tried[key] = self.tries(like)
        return self.tried[key]

    def tries(self, like: Tensor) -> bool:
        """Without an NVRTC, or a driver, there is nothing to try, and nothing to warn of."""
        if nvrtc.found() is None or driver.found() is None:
            return False
        try:
            arch, defines = arch_of(like.device), {"NUMBER": NUMBERS[like.dtype], "WIDE": 0}
            code = cubins.cubin(TRIAL, "trial.cu", arch, defines, headers())
            driver_here().function(code.data, "trial", like.device.index)
        except FAILURES as error:
            self.fail(error)
            return False
        return True

    def fail(self, error: Exception) -> None:
        """Warn, the first time."""
        with self.lock:
            first, self.failure = self.failure is None, self.failure or error
        if first:
            said = f"CUDA kernels are off, plain PyTorch takes their place: {error}"
            warnings.warn(said, RuntimeWarning, stacklevel=4)


def arch_of(device: torch.device) -> str:
    """What to compile for. Raises CompileError if NVRTC is too new for the GPU, or missing."""
    compiler = nvrtc.found()
    if compiler is None:
        raise CompileError("NVRTC was not found; `pip install nvidia-cuda-nvrtc` brings it")
    return compiler.arch(torch.cuda.get_device_capability(device))


def driver_here() -> Driver:
    here = driver.found()
    if here is None:
        raise DriverError("the CUDA driver was not found")
    return here


HERE = Launcher()
