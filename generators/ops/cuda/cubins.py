"""Compiled kernels, kept in the user's cache folder from one process to the next.

A file's name is the hash of all that decides what is in it: source, headers, defines, architecture, NVRTC's version.
It appears whole, by a rename, so any number of processes may write the same one without a lock. A damaged file is
compiled anew; where nothing can be read or written, compiling is all it costs. The folder may be deleted any time.

A file: one line of JSON, {"log", "sha256"}, then the code.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from generators.ops.cuda import nvrtc
from generators.ops.cuda.nvrtc import Cubin


def cubin(
    source: str,
    name: str,
    arch: str,
    defines: Mapping[str, str | int],
    headers: Mapping[str, str],
    at: Path | None = None,
) -> Cubin:
    """As `nvrtc.compiled`, from the folder `at` (the user's) where it is there. Raises CompileError."""
    at, compiler = folder() if at is None else at, nvrtc.found()
    if at is None or compiler is None:
        return nvrtc.compiled(source, name, arch, defines, headers)
    path = at / key(source, name, arch, defines, headers, str(compiler))
    with suppress(OSError, ValueError, KeyError, TypeError):
        return read(path, str(compiler))
    new = compiler.compiled(source, name, arch, defines, headers)
    with suppress(OSError):
        write(path, new)
    return new


def folder() -> Path | None:
    """Where kernels are kept; None where the user has no place of their own."""
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME", "")
    with suppress(RuntimeError):  # no home
        cache = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
        return cache / "deepfake-forensics" / "kernels"
    return None


def key(
    source: str,
    name: str,
    arch: str,
    defines: Mapping[str, str | int],
    headers: Mapping[str, str],
    version: str,
) -> str:
    """The name of a file."""
    sorted_defines = sorted((define, str(value)) for define, value in defines.items())
    told = json.dumps([source, name, arch, sorted_defines, sorted(headers.items()), version])
    return f"{Path(name).stem}-{arch}-{hashlib.sha256(told.encode()).hexdigest()}.cubin"


def read(path: Path, version: str) -> Cubin:
    """Raises OSError where nothing can be read, ValueError, KeyError or TypeError where it is damaged."""
    head, _, data = path.read_bytes().partition(b"\n")
    told = json.loads(head)
    log = str(told["log"])
    if checksum(log, data) != told["sha256"]:
        raise ValueError(f"{path} is damaged")
    return Cubin(data, log, version, cached=True)


def write(path: Path, new: Cubin) -> None:
    """Raises OSError; leaves nothing half done."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    head = json.dumps({"log": new.log, "sha256": checksum(new.log, new.data)})
    with NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:  # a name of its own
        try:
            part.write(head.encode() + b"\n" + new.data)
            part.close()
            os.replace(part.name, path)
        except OSError:
            part.close()
            os.unlink(part.name)
            raise


def checksum(log: str, data: bytes) -> str:
    return hashlib.sha256(log.encode() + b"\n" + data).hexdigest()
