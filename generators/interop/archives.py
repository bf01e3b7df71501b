"""Archives of `torch.save`: looked through by `pickles.py` first, then read by `torch.load(weights_only=True)`.

torch's own restricted reader runs no code, but reserves what a file asks for, unpacks what it compresses, and
knows more names than weights need. So an archive is looked through before: its pickles name nothing but tensors,
its storages are no larger than the file, and its entries, if it is a zip, lie in it uncompressed, as torch
writes them.
"""

from __future__ import annotations

import argparse
import warnings
import zipfile
from io import BytesIO
from typing import Any

import torch

from forensics.refusal import Refusal
from generators.interop import pickles
from generators.interop.pickles import Budget, Call, Name, Stored, one_line

ITEM_BYTES = {
    **dict.fromkeys(("torch.DoubleStorage", "torch.LongStorage"), 8),
    **dict.fromkeys(("torch.FloatStorage", "torch.IntStorage"), 4),
    **dict.fromkeys(("torch.HalfStorage", "torch.BFloat16Storage", "torch.ShortStorage"), 2),
    **dict.fromkeys(("torch.ByteStorage", "torch.CharStorage", "torch.BoolStorage"), 1),
}
REBUILD, PARAMETER = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter"
SETTINGS = "argparse.Namespace"  # rosinality's training keeps its command line
ALLOWED = frozenset({*ITEM_BYTES, REBUILD, PARAMETER, SETTINGS})

MAGIC = 0x1950A86A20F9469CFC6C  # how an archive from before torch 1.6 starts: this number, pickled
LEGACY = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."
ZIP = b"PK\x03\x04"
MOST_ENTRIES = 20_000
MOST_PICKLE = 64 * 2**20  # bytes of a zip's pickle


def is_archive(start: bytes) -> bool:
    """Of a file's first bytes."""
    return start.startswith((ZIP, LEGACY))


def load(data: bytes, of: str, budget: Budget, allowed: frozenset[str] = ALLOWED) -> Any:
    """What `torch.load(weights_only=True)` makes of an archive's bytes, on the CPU.

    Raises Refusal, in one line that names it, for a name that no weights need; for an archive that is damaged, cut
    short, compressed, or claims more numbers than it has.
    """
    check(data, of, budget, allowed)
    return loaded(data, of)


def loaded(data: bytes, of: str) -> Any:
    """`load` without looking through, for what was looked through before."""
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
            warnings.simplefilter("ignore")  # of old archives
            return torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    except (Exception, MemoryError) as error:  # a reader of hostile files raises whatever it likes
        raise Refusal(f"{of} cannot be read by torch ({one_line(error)}); get the file anew") from None


def check(data: bytes, of: str, budget: Budget, allowed: frozenset[str] = ALLOWED) -> None:
    """Looks through an archive without loading anything. Raises Refusal as `load` does."""
    if data.startswith(ZIP):
        documents = [pickles.read(BytesIO(pickle_in(data, of)), of, allowed, budget, storages=True)]
    elif data.startswith(LEGACY):
        stream = BytesIO(data)  # magic, protocol, machine, what was saved, keys of its storages; then their bytes
        documents = [pickles.read(stream, of, allowed, budget, storages=True) for _ in range(5)]
    else:
        raise Refusal(f"{of} is no archive of torch.save; get the file anew")
    for document in documents:
        for call in document.calls:
            check_call(call, of)
        sizes = dict(storage_bytes(stored, of) for stored in document.stored)  # by key
        if sum(sizes.values()) > len(data):
            raise Refusal(
                f"{of} claims storages of {sum(sizes.values()):,} bytes, more than it has; get the file anew"
            )


def pickle_in(zipped: bytes, of: str) -> bytes:
    """The one pickle of a zip. Raises Refusal unless its entries lie in it as torch writes them."""
    try:
        with zipfile.ZipFile(BytesIO(zipped)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                raise Refusal(
                    f"{of} has {len(entries):,} entries; archives of torch with up to {MOST_ENTRIES:,} are read"
                )
            if any(e.compress_type != zipfile.ZIP_STORED or e.file_size != e.compress_size for e in entries):
                raise Refusal(f"{of} is compressed, which torch.save never does; it might unpack to anything")
            if sum(e.file_size for e in entries) > len(zipped):
                raise Refusal(f"{of} has entries that overlap, which torch.save never writes")
            names = [e.filename for e in entries]
            pickled = [e for e in entries if e.filename.count("/") == 1 and e.filename.endswith("/data.pkl")]
            if len(pickled) != 1 or len(set(names)) != len(names) or any("constants.pkl" in name for name in names):
                raise Refusal(f"{of} is no archive of torch.save with weights: it needs one data.pkl, and no code")
            if pickled[0].file_size > MOST_PICKLE:
                raise Refusal(
                    f"{of} has a data.pkl of {pickled[0].file_size:,} bytes; up to {MOST_PICKLE:,} are read"
                )
            return archive.read(pickled[0])
    except Refusal:
        raise
    except (Exception, MemoryError) as error:  # as above
        raise Refusal(f"{of} is a damaged zip ({one_line(error)}); get the file anew") from None


def check_call(call: Call, of: str) -> None:
    """The few calls that an archive may ask of torch, with arguments as torch writes them."""
    match call.name, call.args:
        case _, (Stored(), int(), tuple(size), tuple(stride), *_) if call.name == REBUILD:
            if len(size) == len(stride) <= 8 and all(isinstance(n, int) and n >= 0 for n in (*size, *stride)):
                return
        case _, (Call(name=inner), *_) if call.name == PARAMETER and inner == REBUILD:
            return
        case _, () if call.name == SETTINGS and isinstance(call.state, dict | None):
            return
    raise Refusal(f"{of} asks for {call.name} with arguments that it never has; do not trust it")


def storage_bytes(stored: Stored, of: str) -> tuple[str, int]:
    """Key and size of a storage, as told."""
    match stored.told:
        case ("storage", Name(path), str(key), str(), int(numbers), *_) if path in ITEM_BYTES and numbers >= 0:
            return key, numbers * ITEM_BYTES[path]
    raise Refusal(f"{of} has a storage that is not told as torch does; get the file anew")
