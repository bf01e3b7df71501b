"""What the calls of a pickle mean that make arrays: numpy's, and torch's with an archive for each storage.

Each is checked against the bytes that it comes with before anything is made: shapes are products, and a small
file can name large ones.
"""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.interop import archives
from generators.interop.pickles import Budget, Call, Document

NDARRAY, DTYPE = "numpy.ndarray", "numpy.dtype"
EMPTY = frozenset({"numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"})
SCALAR = frozenset({"numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar"})
NUMPY = frozenset({NDARRAY, DTYPE, *EMPTY, *SCALAR})
NUMBERS = re.compile(r"[fiu][1248]|b1")  # codes of dtypes that are read

STORAGE = "torch.storage._load_from_bytes"
TORCH = frozenset({STORAGE, archives.REBUILD, archives.PARAMETER})


def dtype_of(call: Any, of: str) -> np.dtype:
    """numpy.dtype("f4", False, True), state (3, "<", None, ...): plain numbers only."""
    match call:
        case Call(name=name, args=(str(code), *_), state=state) if name == DTYPE and NUMBERS.fullmatch(code):
            order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
            if order in ("<", ">", "|", "="):
                return np.dtype(order + code)
    raise Refusal(f"{of} has an array that is not of plain numbers; no checkpoint needs that")


def is_array(call: Any) -> bool:
    return isinstance(call, Call) and call.name in EMPTY


def array(call: Any, of: str) -> np.ndarray:
    """The array of `numpy._reconstruct(...)` with its state (version, shape, dtype, Fortran's order, bytes).

    A view of the file's bytes. Raises Refusal where these are not as many as the shape says.
    """
    match call:
        case Call(name=name, state=(int(), tuple(shape), dtype, bool(fortran), bytes() | str() as data)) if (
            name in EMPTY and len(shape) <= 8 and all(isinstance(n, int) and n >= 0 for n in shape)
        ):
            if isinstance(data, str):  # of Python 2
                data = data.encode("latin1", "replace")
            kind = dtype_of(dtype, of)
            if math.prod(shape) * kind.itemsize == len(data):
                return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")
            raise Refusal(f"{of} has an array of {shape} with {len(data):,} bytes; get the file anew")
    raise Refusal(f"{of} has an array that is not told as numpy does; get the file anew")


def plain(value: Any, of: str) -> Any:
    """An option: numpy's scalars as numbers, lists and tuples of such as lists, anything else as it is."""
    match value:
        case Call(name=name, args=(dtype, bytes(data))) if name in SCALAR:
            kind = dtype_of(dtype, of)
            if len(data) == kind.itemsize:
                return np.frombuffer(data, kind)[0].item()
        case list() | tuple() if len(value) <= 64:
            return [plain(v, of) if isinstance(v, Call) else v for v in value]
        case Call() if is_array(value):
            found = array(value, of)
            return found.tolist() if found.size <= 4096 else value
    return value


class Tensors:
    """Tensors of a pickle of torch's, each storage of which is an archive inside the pickle.

    All archives are looked through when it is made, used or not; each is loaded once, when its first tensor is.
    """

    def __init__(self, document: Document, of: str, budget: Budget):
        self.of = of
        self.storages: dict[int, Tensor] = {}  # by the identity of their bytes
        self.kept = document  # so that identities stay theirs
        seen: set[int] = set()
        for call in document.calls:
            if call.name == STORAGE and id(self.bytes_of(call)) not in seen:
                seen.add(id(self.bytes_of(call)))
                archives.check(self.bytes_of(call), of, budget, frozenset(archives.ITEM_BYTES))

    def bytes_of(self, call: Any) -> bytes:
        match call:
            case Call(name=name, args=(bytes(data),)) if name == STORAGE:
                return data
        raise Refusal(f"{self.of} has a tensor without numbers; get the file anew")

    def shape(self, call: Any) -> tuple[int, ...]:
        """Of a tensor or a parameter, as told; nothing is loaded."""
        return self.told(call)[2]

    def told(self, call: Any) -> tuple[Call, int, tuple[int, ...], tuple[int, ...]]:
        """Storage, offset, shape, strides."""
        if isinstance(call, Call) and call.name == archives.PARAMETER and call.args:
            call = call.args[0]
        match call:
            case Call(name=name, args=(Call() as storage, int(offset), tuple(shape), tuple(strides), *_)) if (
                name == archives.REBUILD
                and len(shape) == len(strides) <= 8
                and all(type(n) is int and 0 <= n < 2**40 for n in (offset, *shape, *strides))
            ):
                return storage, offset, shape, strides
        raise Refusal(f"{self.of} has a tensor that is not told as torch does; get the file anew")

    def tensor(self, call: Any) -> Tensor:
        """Contiguous, with numbers of its own. Raises Refusal for a shape that its storage does not hold."""
        storage, offset, shape, strides = self.told(call)
        numbers = self.storage(storage)  # (numbers,)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        if math.prod(shape) > len(numbers) or (math.prod(shape) and last >= len(numbers)):
            raise Refusal(f"{self.of} has a tensor of {shape} in {len(numbers):,} numbers; get the file anew")
        return numbers.as_strided(shape, strides, offset).clone(memory_format=torch.contiguous_format)

    def storage(self, call: Call) -> Tensor:
        data = self.bytes_of(call)
        if id(data) not in self.storages:
            found = archives.loaded(data, self.of)
            if not isinstance(found, torch.storage.TypedStorage):
                raise Refusal(f"{self.of} has a {type(found).__name__} where a tensor's numbers should be")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # typed storages are of the past, as these files are
                self.storages[id(data)] = torch.empty(0, dtype=found.dtype).set_(found)
        return self.storages[id(data)]
