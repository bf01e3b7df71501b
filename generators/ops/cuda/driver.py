"""The CUDA driver, by ctypes: loads compiled kernels and launches them, in torch's context, on its streams."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_uint, c_void_p
from dataclasses import dataclass
from functools import cache

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
RELAXED = 2  # CU_STREAM_CAPTURE_MODE_RELAXED
PROTOTYPES = {
    "cuInit": (c_uint,),
    "cuDriverGetVersion": (POINTER(c_int),),
    "cuDeviceGet": (POINTER(c_int), c_int),
    "cuDevicePrimaryCtxRetain": (POINTER(c_void_p), c_int),
    "cuCtxPushCurrent_v2": (c_void_p,),
    "cuCtxPopCurrent_v2": (POINTER(c_void_p),),
    "cuModuleLoadData": (POINTER(c_void_p), c_char_p),
    "cuModuleGetFunction": (POINTER(c_void_p), c_void_p, c_char_p),
    "cuThreadExchangeStreamCaptureMode": (POINTER(c_int),),
    "cuLaunchKernel": (c_void_p, *[c_uint] * 7, c_void_p, POINTER(c_void_p), c_void_p),
    "cuGetErrorName": (c_int, POINTER(c_char_p)),
    "cuGetErrorString": (c_int, POINTER(c_char_p)),
}

Triple = tuple[int, int, int]
Argument = ctypes._SimpleCData | ctypes.Structure


class DriverError(RuntimeError):
    """The call that failed, and the driver's own words."""


@cache
def found() -> Driver | None:
    """The driver of this machine, where there is one. Touches no GPU."""
    try:
        return Driver(ctypes.CDLL(LIBRARY))
    except (OSError, AttributeError, DriverError):  # none, too old, or the stub that programs are built with
        return None


class Driver:
    """The driver's functions, with their types. `version` is of the CUDA that it runs: (13, 0)."""

    def __init__(self, library: ctypes.CDLL):
        self.calls = {name: getattr(library, name) for name in PROTOTYPES}
        for name, types in PROTOTYPES.items():
            self.calls[name].argtypes, self.calls[name].restype = types, c_int
        number = c_int()
        self("cuDriverGetVersion", byref(number))
        self.version = (number.value // 1000, number.value % 1000 // 10)
        self.contexts: dict[int, c_void_p] = {}  # by device

    def __call__(self, name: str, *arguments) -> None:
        """Raises DriverError if it fails."""
        if code := self.calls[name](*arguments):
            raise DriverError(f"{name}: {self.words(code)}")

    def function(self, code: bytes, entry: str, device: int) -> Function:
        """The kernel `entry` of a cubin or PTX, on a device. Stays loaded. Also while a graph is captured."""
        mode, module, handle = c_int(RELAXED), c_void_p(), c_void_p()
        context = self.context(device)
        self("cuThreadExchangeStreamCaptureMode", byref(mode))
        self("cuCtxPushCurrent_v2", context)
        try:
            self("cuModuleLoadData", byref(module), code)
            self("cuModuleGetFunction", byref(handle), module, entry.encode())
        finally:
            self("cuCtxPopCurrent_v2", byref(c_void_p()))
            self("cuThreadExchangeStreamCaptureMode", byref(mode))
        return Function(self, context, handle)

    def context(self, device: int) -> c_void_p:
        """The device's primary context: the one that torch uses."""
        if device not in self.contexts:
            number, context = c_int(), c_void_p()
            self("cuInit", 0)
            self("cuDeviceGet", byref(number), device)
            self("cuDevicePrimaryCtxRetain", byref(context), number)
            self.contexts[device] = context
        return self.contexts[device]

    def words(self, code: int) -> str:
        name, text = c_char_p(), c_char_p()
        self.calls["cuGetErrorName"](code, byref(name))
        self.calls["cuGetErrorString"](code, byref(text))
        return f"{(name.value or b'error').decode()} ({code}): {(text.value or b'no words').decode()}"


@dataclass(frozen=True)
class Function:
    """A kernel, loaded."""

    driver: Driver
    context: c_void_p
    handle: c_void_p

    def launch(self, grid: Triple, block: Triple, stream: int, arguments: Sequence[Argument]) -> None:
        """Put on the stream; returns at once. Waits for nothing and allocates nothing: a graph can capture it."""
        addresses = (c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
        self.driver("cuCtxPushCurrent_v2", self.context)  # a thread of torch's may not have one yet
        try:
            self.driver("cuLaunchKernel", self.handle, *grid, *block, 0, stream, addresses, None)
        finally:
            self.driver("cuCtxPopCurrent_v2", byref(c_void_p()))
