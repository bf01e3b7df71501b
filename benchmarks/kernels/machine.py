"""What the kernels were measured on: the GPU, its driver, and what the stamp of a result says of them."""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.kernels.asked import Asked
from benchmarks.stamp import Stamp, device
from generators.ops.cuda import driver, nvrtc

MEGABYTE = 10**6
CACHE = 60 * MEGABYTE  # bytes of the last cache that are reckoned with at least: an H200's


@dataclass(frozen=True)
class Machine:
    """A GPU, or the processor where there is none. `cache`: bytes of its last cache."""

    name: str
    driver: str = ""
    capability: str = ""
    cache: int = CACHE
    gpu: bool = False

    @property
    def slug(self) -> str:
        """A word for file names: nvidia-h100-80gb-hbm3, or cpu."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-") if self.gpu else "cpu"

    @classmethod
    def here(cls, asked: Asked) -> Machine:
        if not asked.gpu:
            return cls(device())
        found = torch.cuda.get_device_properties(torch.cuda.current_device())
        cache = max(getattr(found, "L2_cache_size", 0), CACHE)
        return cls(found.name, driver_version(), f"sm_{found.major}{found.minor}", cache, gpu=True)


def driver_version() -> str:
    """As NVIDIA numbers it, 580.159.04; else the CUDA version that it runs."""
    with suppress(OSError, subprocess.SubprocessError, IndexError):
        asking = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        said = subprocess.run(asking, capture_output=True, text=True, timeout=20, check=True).stdout
        return said.split()[0]
    with suppress(OSError):
        said = Path("/proc/driver/nvidia/version").read_text()
        if found := re.search(r"\b\d+\.\d+(\.\d+)?\b", said):
            return found.group()
    here = driver.found()
    return "unknown" if here is None else "of CUDA {}.{}".format(*here.version)


def stamped(asked: Asked, machine: Machine) -> Stamp:
    """The stamp of this run: the project's own, and what matters on a GPU."""
    settings: dict[str, object] = {
        "sections": ",".join(asked.sections),
        "small": asked.small,
        "seconds": asked.seconds,
        "minutes": asked.minutes,
    }
    if machine.gpu:
        compiler = nvrtc.found()
        settings |= {
            "GPU": machine.name,
            "architecture": machine.capability,
            "driver": machine.driver,
            "CUDA of torch": str(torch.version.cuda),
            "NVRTC": "none" if compiler is None else str(compiler),
            "cuDNN": str(torch.backends.cudnn.version()),
            "TF32 in convolutions": bool(torch.backends.cudnn.allow_tf32),
            "cuDNN tries algorithms": bool(torch.backends.cudnn.benchmark),
        }
    stamp = Stamp.now(seed=0, settings=settings)
    libraries = {**stamp.libraries, "torch": torch.__version__, "python": platform.python_version()}
    where = f"{machine.name}, driver {machine.driver}; {stamp.device}" if machine.gpu else stamp.device
    return replace(
        stamp, command=command(stamp), commit=stamp.commit or asked.commit, device=where, libraries=libraries
    )


def command(stamp: Stamp) -> str:
    """As it was typed, also when it was `python -m benchmarks.kernels`."""
    started = Path(sys.argv[0])
    if started.name != "__main__.py":
        return stamp.command
    return shlex.join(["python", "-m", f"benchmarks.{started.parent.name}", *sys.argv[1:]])
