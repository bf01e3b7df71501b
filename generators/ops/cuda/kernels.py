"""The kernels there are, what each may cost, and the ways of compiling each that are checked without a GPU.

A budget is the registers of one thread, in any type and on any architecture; nothing may be spilled. With up to 80
three blocks of 256 threads fit a multiprocessor's 65536 registers, with up to 128 two. The tiles of `upfirdn2d_tile`
keep their sums in registers, and many loads under way at once: they need fewer threads to keep memory busy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from generators.ops.cuda.kernel import Kernel

ACTS = ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish")  # -DACT, by its place
FLAT = ("linear", "relu", "lrelu")  # straight on both sides of 0: second derivatives are 0


def slope_below(act: str, alpha: float) -> float:
    """Of FLAT: the slope where x is below 0; alpha is lrelu's."""
    return {"linear": 1.0, "relu": 0.0}.get(act, alpha)


BIAS_ACT = Kernel("bias_act.cu", "bias_act", 72)
EPILOGUE = Kernel("epilogue.cu", "epilogue", 72)
UPFIRDN2D = Kernel("upfirdn2d.cu", "upfirdn2d", 48)
UPFIRDN2D_TILE = Kernel("upfirdn2d.cu", "upfirdn2d_tile", 128)

Defines = Mapping[str, str | int]  # all but NUMBER, which follows the tensors


@dataclass(frozen=True)
class Tile:
    """A resampling with a kernel of its own: factors and taps (x, y), and how many outputs a thread makes.

    `planes` for NCHW, where threads side by side take neighbours along x, so a tile grows along y; `last` for
    channels last, where they take neighbouring channels and 16 bytes of them each.
    """

    up: tuple[int, int]
    down: tuple[int, int]
    taps: tuple[int, int]
    planes: tuple[int, int]
    last: tuple[int, int]

    def outputs(self, last: bool) -> tuple[int, int]:
        return self.last if last else self.planes

    def defines(self, last: bool) -> Defines:
        named = {"UP": self.up, "DOWN": self.down, "K": self.taps, "T": self.outputs(last)}
        ends = {"UP": "XY", "DOWN": "XY", "K": "WH", "T": "XY"}
        each = {key + end: n for key, pair in named.items() for end, n in zip(ends[key], pair, strict=True)}
        return {"TILED": 1, **each}


TILES = (
    Tile((1, 1), (1, 1), (4, 4), planes=(1, 8), last=(1, 4)),  # beside convolutions that change the resolution
    Tile((2, 2), (1, 1), (4, 4), planes=(2, 8), last=(2, 2)),  # pictures on their way up
    Tile((1, 1), (2, 2), (4, 4), planes=(1, 4), last=(1, 2)),  # and down
    Tile((2, 1), (1, 1), (12, 1), planes=(2, 1), last=(4, 1)),  # ADA's, one axis after the other
    Tile((1, 2), (1, 1), (1, 12), planes=(1, 8), last=(1, 4)),
    Tile((1, 1), (2, 1), (12, 1), planes=(1, 1), last=(2, 1)),
    Tile((1, 1), (1, 2), (1, 12), planes=(1, 4), last=(1, 2)),
)


@dataclass(frozen=True)
class Checked:
    """A kernel and the defines it is compiled with in tests, each for every type of number."""

    kernel: Kernel
    grid: tuple[Defines, ...]


def of_bias_act(act: str, order: int, from_y: int = 0, bias: int = 1, wide: int = 1, index: str = "int") -> Defines:
    number = ACTS.index(act)
    return {"ACT": number, "ORDER": order, "FROM_Y": from_y, "BIAS": bias, "WIDE": wide, "INDEX": index}


def of_epilogue(act: str, order: int, last: int, wide: int = 1, index: str = "int") -> Defines:
    return {"ACT": ACTS.index(act), "ORDER": order, "LAST": last, "WIDE": wide, "INDEX": index}


KERNELS = (
    Checked(
        BIAS_ACT,
        (
            *(of_bias_act(act, 0) for act in ACTS),
            *(of_bias_act(act, 1, from_y=1, bias=0) for act in FLAT),
            *(of_bias_act(act, order) for act in ACTS if act not in FLAT for order in (1, 2)),
            *(of_bias_act("lrelu", 0, bias=bias, wide=wide) for bias, wide in ((0, 1), (2, 1), (0, 0), (1, 0))),
            *(of_bias_act("swish", 2, bias=bias, wide=wide) for bias, wide in ((0, 1), (2, 1), (1, 0))),
            *(of_bias_act("lrelu", order, index="long long") for order in (0, 1)),
        ),
    ),
    Checked(
        EPILOGUE,
        (
            *(of_epilogue(act, order, last) for act in FLAT for order in (0, 1) for last in (0, 1)),
            *(of_epilogue("lrelu", order, last, wide=0) for order in (0, 1) for last in (0, 1)),
            *(of_epilogue("lrelu", order, last, index="long long") for order in (0, 1) for last in (0, 1)),
        ),
    ),
    Checked(
        UPFIRDN2D,
        tuple(
            {"TILED": 0, "LAST": last, "WIDE": wide, "INDEX": index}
            for last, wide in ((0, 0), (1, 0), (1, 1))
            for index in ("int", "long long")
        ),
    ),
    Checked(
        UPFIRDN2D_TILE,
        (
            *(
                {**tile.defines(bool(last)), "LAST": last, "WIDE": wide, "INDEX": "int"}
                for tile in TILES
                for last, wide in ((0, 0), (1, 0), (1, 1))
            ),
            *({**TILES[0].defines(bool(last)), "LAST": last, "WIDE": last, "INDEX": "long long"} for last in (0, 1)),
        ),
    ),
)
