"""How tensors lie in memory for a kernel: number types, index width, packs of 16 bytes, blocks.

Kernels walk memory without gaps, in the order of NCHW or of channels last; what lies otherwise is copied first.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
THREADS = 256  # a block, as the kernels' __launch_bounds__ say
BLOCKS = 2**16  # at most; beyond, threads take several packs
INT_BELOW = 2**30  # elements: leaves room for the last stride of a grid

Triple = tuple[int, int, int]


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """What kernels compute in, and parameters are handed over in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def real(value: float, dtype: torch.dtype) -> ctypes.c_float | ctypes.c_double:
    return ctypes.c_double(value) if dtype == torch.float64 else ctypes.c_float(value)


def parameter(given: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """A bias, factor or noise for tensors of `dtype`: as `real`, without gaps. Differentiable."""
    return None if given is None else given.to(real_dtype(dtype)).contiguous()


def index(*tensors: Tensor) -> tuple[str, type[ctypes.c_int] | type[ctypes.c_longlong]]:
    """The type of indices into tensors this large: its name for -DINDEX, and for arguments."""
    small = max(tensor.numel() for tensor in tensors) < INT_BELOW
    return ("int", ctypes.c_int) if small else ("long long", ctypes.c_longlong)


def channels_last(x: Tensor) -> bool:
    """Whether only channels last describes x; where both orders do, as with one channel, it is NCHW."""
    return x.ndim == 4 and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)


def dense(x: Tensor) -> Tensor:
    """x itself if it lies in one of the two orders, else a copy that does."""
    return x if channels_last(x) else x.contiguous()


def alike(tensor: Tensor, x: Tensor) -> Tensor:
    """A tensor of x's shape in the order of x, which is `dense`."""
    last = channels_last(x)
    return tensor.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def pack(dtype: torch.dtype) -> int:
    """Numbers in 16 bytes, the most that a thread loads at once."""
    return 16 // dtype.itemsize


def aligned(*tensors: Tensor | None) -> bool:
    return all(tensor is None or tensor.data_ptr() % 16 == 0 for tensor in tensors)


def pointer(tensor: Tensor | None) -> Tensor | ctypes.c_void_p:
    return ctypes.c_void_p(None) if tensor is None else tensor


def blocks(threads: int) -> tuple[Triple, Triple]:
    """Grid and block for so many threads."""
    return (min(-(-threads // THREADS), BLOCKS), 1, 1), (THREADS, 1, 1)
