"""The driver's calls without a GPU: in libcuda's place C callbacks read what they are given, as it would."""

from __future__ import annotations

import ctypes
import struct
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_float, c_int, c_longlong, c_void_p, cast, string_at

import pytest

from generators.ops.cuda import driver
from generators.ops.cuda.driver import PROTOTYPES, Driver, DriverError


class Box(ctypes.Structure):
    _fields_ = (("x", c_int), ("size", c_float), ("to", c_longlong))


class FakeCuda:
    """Notes each call; `fails` names one that returns 209."""

    SIZES = (8, 4, 4, 4, 8, ctypes.sizeof(Box))  # of the arguments that a launch is to have

    def __init__(self, fails: str = ""):
        self.noted: list[tuple] = []
        self.context, self.mode, self.fails = [], 0, fails
        for name, types in PROTOTYPES.items():
            setattr(self, name, CFUNCTYPE(c_int, *types)(self.answer(name)))

    def answer(self, name: str):
        def called(*given) -> int:
            if name == self.fails:
                return 209
            getattr(self, f"on_{name}", lambda *_: None)(*given)
            return 0

        return called

    def on_cuDriverGetVersion(self, number):
        number[0] = 12080

    def on_cuDeviceGet(self, number, ordinal):
        number[0] = 40 + ordinal

    def on_cuDevicePrimaryCtxRetain(self, context, number):
        self.noted.append(("retain", number))
        context[0] = 0x7FFF_0000_0000 + number  # as wide as a pointer is

    def on_cuCtxPushCurrent_v2(self, context):
        self.context.append(context)

    def on_cuCtxPopCurrent_v2(self, context):
        context[0] = self.context.pop()

    def on_cuThreadExchangeStreamCaptureMode(self, mode):
        self.mode, mode[0] = mode[0], self.mode

    def on_cuModuleLoadData(self, module, code):
        self.noted.append(("load", code, self.context[-1], self.mode))
        module[0] = 0x7FFF_1111_1111

    def on_cuModuleGetFunction(self, handle, module, entry):
        self.noted.append(("get", module, entry))
        handle[0] = 0x7FFF_2222_2222

    def on_cuLaunchKernel(self, handle, gx, gy, gz, bx, by, bz, shared, stream, addresses, extra):
        values = [string_at(addresses[at], size) for at, size in enumerate(self.SIZES)]
        grid = (gx, gy, gz, bx, by, bz, shared)
        self.noted.append(("launch", handle, grid, stream, values, extra, self.context[-1]))

    def on_cuGetErrorName(self, code, name):
        name[0] = b"CUDA_ERROR_NO_BINARY_FOR_GPU"

    def on_cuGetErrorString(self, code, text):
        text[0] = b"no kernel image is available for execution on the device"


def test_arguments_arrive_as_the_kernel_reads_them():
    cuda = FakeCuda()
    function = Driver(cuda).function(b"\x7fELF", "entry", 1)
    arguments = [
        c_void_p(0x7F12_3456_789A),
        c_int(-3),
        c_float(0.2),
        ctypes.c_uint(2**32 - 1),
        c_longlong(-(2**40)),
        Box(7, 1.5, 2**50),
    ]
    function.launch((65536, 2, 3), (256, 4, 1), 0x7F99_0000_0001, arguments)
    (kind, handle, grid, stream, values, extra, context) = cuda.noted[-1]
    assert kind == "launch"
    assert (handle, stream, extra) == (0x7FFF_2222_2222, 0x7F99_0000_0001, None)
    assert grid == (65536, 2, 3, 256, 4, 1, 0)
    assert context == 0x7FFF_0000_0000 + 41
    wanted = [("Q", 0x7F12_3456_789A), ("i", -3), ("f", 0.2), ("I", 2**32 - 1), ("q", -(2**40))]
    assert values[:5] == [struct.pack(f"={form}", value) for form, value in wanted]
    assert values[5] == struct.pack("=ifq", 7, 1.5, 2**50)
    assert not cuda.context  # what was pushed is popped


def test_loading_is_in_the_devices_context_and_allowed_while_a_graph_is_captured():
    cuda = FakeCuda()
    here = Driver(cuda)
    assert here.version == (12, 8)
    for device in (0, 1, 0):
        here.function(b"code", "entry", device)
    context = 0x7FFF_0000_0000
    loads = [note for note in cuda.noted if note[0] == "load"]
    assert loads == [("load", b"code", context + number, driver.RELAXED) for number in (40, 41, 40)]
    assert [note for note in cuda.noted if note[0] == "retain"] == [("retain", 40), ("retain", 41)]
    assert ("get", 0x7FFF_1111_1111, b"entry") in cuda.noted
    assert (cuda.context, cuda.mode) == ([], 0)  # as it was before


def test_code_with_zeros_in_it_arrives_whole():
    """A cubin is not text: the driver gets its address."""
    cuda, code, seen = FakeCuda(), b"\x7fELF\0\0\1end", []
    cuda.cuModuleLoadData = CFUNCTYPE(c_int, POINTER(c_void_p), c_void_p)(
        lambda module, address: seen.append(string_at(address, len(code))) or 0
    )
    Driver(cuda).function(code, "entry", 0)
    assert seen == [code]


@pytest.mark.parametrize("fails", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2"])
def test_what_fails_before_loading_is_told(fails):
    with pytest.raises(DriverError, match=rf"{fails}: CUDA_ERROR_NO_BINARY_FOR_GPU \(209\): no kernel image"):
        Driver(FakeCuda(fails)).function(b"code", "entry", 0)


@pytest.mark.parametrize("fails", ["cuModuleLoadData", "cuModuleGetFunction"])
def test_what_fails_in_loading_leaves_the_thread_as_it_was(fails):
    cuda = FakeCuda(fails)
    with pytest.raises(DriverError, match=fails):
        Driver(cuda).function(b"code", "entry", 0)
    assert (cuda.context, cuda.mode) == ([], 0)


def test_a_launch_that_fails_is_told_and_leaves_the_thread_as_it_was():
    cuda = FakeCuda()
    function = Driver(cuda).function(b"code", "entry", 0)
    cuda.fails = "cuLaunchKernel"
    with pytest.raises(DriverError, match="cuLaunchKernel"):
        function.launch((1, 1, 1), (1, 1, 1), 0, [])
    assert not cuda.context


def test_without_a_driver_there_is_none(monkeypatch):
    monkeypatch.setattr(driver, "LIBRARY", "libno_such_driver.so.1")
    assert driver.found.__wrapped__() is None
    for unfit in (FakeCuda("cuDriverGetVersion"), object()):  # the stub of the toolkit; one that lacks functions
        monkeypatch.setattr(ctypes, "CDLL", lambda _, unfit=unfit: unfit)
        assert driver.found.__wrapped__() is None


def test_words_without_a_name():
    cuda = FakeCuda()
    cuda.on_cuGetErrorName = cuda.on_cuGetErrorString = lambda code, text: cast(text, POINTER(c_char_p))
    assert Driver(cuda).words(999) == "error (999): no words"
