"""NVRTC, NVIDIA's compiler as a library, by its C interface: CUDA source in, machine code and the compiler's log out.

No nvcc, no host compiler, no headers, no CUDA_HOME, no GPU. The library comes with torch's CUDA wheels, or as
`pip install nvidia-cuda-nvrtc`. Its own second library, the built-ins, is loaded first: it is not on any search path.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from generators.ops.cuda import driver

# Where the wheels of CUDA 13, those of CUDA 12, torch's own and conda put their libraries, newest first.
PLACES = ("nvidia/cu13/lib", "nvidia/cu13/bin/x86_64", "nvidia/cuda_nvrtc/lib", "nvidia/cuda_nvrtc/bin", "torch/lib")
WINDOWS, LINUX = ("nvrtc64_130_0.dll", "nvrtc64_120_0.dll"), ("libnvrtc.so.13", "libnvrtc.so.12")
SPILL = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


class CompileError(RuntimeError):
    """What did not compile, and the compiler's own words."""


@dataclass(frozen=True)
class Cost:
    """Registers of one thread; bytes of its stack, and moved to and from it because registers ran out."""

    registers: int
    stack: int
    spilled: int


@dataclass(frozen=True)
class Cubin:
    """Machine code for one architecture (PTX for one NVRTC does not know), the log, and the compiler's version."""

    data: bytes
    log: str
    version: str
    cached: bool = False

    def cost(self, entry: str) -> Cost:
        """What the kernel `entry` takes, with the functions that it calls. Raises ValueError if the log lacks it."""
        said = re.search(rf"Compiling entry function '{entry}'.*?Used (\d+) registers", self.log, re.DOTALL)
        if said is None:
            raise ValueError(f"the log has no registers of {entry}: {self.log!r}")
        frames = [tuple(map(int, frame)) for frame in SPILL.findall(self.log)]
        stack, stores, loads = (sum(column) for column in zip(*frames, strict=True))
        return Cost(int(said[1]), stack, stores + loads)


def compiled(
    source: str,
    name: str,
    arch: str,
    defines: Mapping[str, str | int],
    headers: Mapping[str, str],
) -> Cubin:
    """`source`, called `name` in messages, for `arch`: "sm_90", or "compute_90" for PTX.

    `headers` are what it can #include, by name. Raises CompileError, also where there is no NVRTC.
    """
    here = found()
    if here is None:
        raise CompileError(f"{name}: NVRTC was not found; `pip install nvidia-cuda-nvrtc` brings it")
    return here.compiled(source, name, arch, defines, headers)


@cache
def found() -> Compiler | None:
    """The newest NVRTC that loads and whose code the driver, where there is one, can read."""
    here = driver.found()
    for path in candidates():
        try:
            compiler = Compiler(path)
        except (OSError, AttributeError, CompileError):  # not there, of another machine, too old, or broken
            continue
        if here is None or compiler.version[0] <= here.version[0]:
            return compiler
    return None


def candidates() -> Iterator[Path]:
    """Files that may be NVRTC; last, the names by which the system's loader knows it."""
    for folder in folders():
        files = [*folder.glob("libnvrtc*.so*"), *folder.glob("nvrtc64_*.dll")]
        yield from sorted((file for file in files if is_compiler(file.name)), reverse=True)
    yield from map(Path, WINDOWS if sys.platform == "win32" else LINUX)


def is_compiler(name: str) -> bool:
    """Beside it lie its built-ins, and `alt`, the same built otherwise."""
    return "builtins" not in name and ".alt." not in name


def folders() -> Iterator[Path]:
    for place in PLACES:
        package, inside = place.split("/", 1)
        spec = find_spec(package)  # finds without importing
        yield from (Path(each) / inside for each in (spec and spec.submodule_search_locations) or ())
    yield from (Path(sys.prefix) / "lib", Path(sys.prefix) / "Library" / "bin")


class Compiler:
    """One NVRTC, loaded."""

    def __init__(self, path: Path):
        self.path = path
        beside = path.parent.glob("*nvrtc-builtins*") if path.is_absolute() else ()
        self.builtins = [ctypes.CDLL(str(file)) for file in beside if ".alt." not in file.name]
        self.library = ctypes.CDLL(str(path))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
        self.check(self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        self.check(self.library.nvrtcGetNumSupportedArchs(ctypes.byref(count)))
        known = (ctypes.c_int * count.value)()
        self.check(self.library.nvrtcGetSupportedArchs(known))
        self.version = (major.value, minor.value)
        self.knows: Sequence[int] = sorted(known)  # 75 for sm_75

    def __str__(self) -> str:
        return ".".join(map(str, self.version))

    def arch(self, capability: tuple[int, int]) -> str:
        """What to compile for to run on a GPU of this compute capability. Raises CompileError for one too old.

        Code for its own architecture; else for the nearest before it in its generation, which it runs too; else
        PTX, which the driver translates.
        """
        major, wanted = capability[0], 10 * capability[0] + capability[1]
        older = [known for known in self.knows if known <= wanted]
        if not older:
            raise CompileError(f"NVRTC {self} compiles for sm_{self.knows[0]} and newer, not for sm_{wanted}")
        return f"sm_{older[-1]}" if older[-1] // 10 == major else f"compute_{older[-1]}"

    def compiled(
        self,
        source: str,
        name: str,
        arch: str,
        defines: Mapping[str, str | int],
        headers: Mapping[str, str],
    ) -> Cubin:
        """As `compiled` above."""
        call, program = self.library, ctypes.c_void_p()
        bodies, names = texts(headers.values()), texts(headers)
        made = call.nvrtcCreateProgram(
            ctypes.byref(program), source.encode(), name.encode(), len(headers), bodies, names
        )
        self.check(made, name)
        try:
            options = [f"--gpu-architecture={arch}", "--std=c++17", "--ptxas-options=-v"]
            options += [f"-D{define}={value}" for define, value in defines.items()]
            failed = call.nvrtcCompileProgram(program, len(options), texts(options))
            log = self.result(program, "ProgramLog").rstrip(b"\0").decode(errors="replace").strip()
            if failed:
                raise CompileError(f"{name} for {arch}: {log or self.error(failed)}")
            data = self.result(program, "CUBIN" if arch.startswith("sm_") else "PTX")
            return Cubin(data, log, str(self))
        finally:
            call.nvrtcDestroyProgram(ctypes.byref(program))

    def result(self, program: ctypes.c_void_p, what: str) -> bytes:
        """Of a compiled program: its log, machine code or PTX."""
        size = ctypes.c_size_t()
        self.check(getattr(self.library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
        text = ctypes.create_string_buffer(size.value)
        self.check(getattr(self.library, f"nvrtcGet{what}")(program, text), what)
        return text.raw

    def check(self, code: int, what: str = "NVRTC") -> None:
        if code:
            raise CompileError(f"{what}: {self.error(code)}")

    def error(self, code: int) -> str:
        return self.library.nvrtcGetErrorString(code).decode()


def texts(of) -> ctypes.Array:
    """A C array of strings."""
    encoded = [text.encode() for text in of]
    return (ctypes.c_char_p * len(encoded))(*encoded)
