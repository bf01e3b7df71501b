"""How fast whole networks make pictures: on the twins, on the kernels, and with launches replayed as a CUDA graph.

StyleGAN2 with random weights and constant noise, in each type of number; and how far the pictures of the same z are
from those that the twins make in float32 without TF32.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, Failed
from benchmarks.kernels.clock import Clock
from benchmarks.kernels.correctness import LAYOUTS
from benchmarks.table import Measure
from generators.families.stylegan2 import StyleGAN2, StyleGAN2Config
from generators.ops.choice import twins_only
from generators.ops.cuda import kernel
from generators.precision import AUTOCAST, at_precision

TWINS, TWINS_GRAPH, KERNELS, GRAPH = "twins, eager", "twins, CUDA graph", "kernels", "kernels, CUDA graph"
REPLAYED, BY_KERNELS = (TWINS_GRAPH, GRAPH), (KERNELS, GRAPH)
PRECISIONS = ("fp32", "bf16", "fp16")
PICTURES = 4  # that are compared
WARM, WARM_GRAPH = 2, 4  # calls that don't count; a graph is recorded at the third


@dataclass(frozen=True)
class Network:
    """A StyleGAN2 with a name that says how it differs from the preset; `batches` are sampled at once."""

    name: str
    config: StyleGAN2Config
    batches: tuple[int, ...] = (1, 32)
    layouts: tuple[str, ...] = LAYOUTS  # in which half precision is tried; the first is how the project samples

    def built(self, device: str) -> StyleGAN2:
        torch.manual_seed(0)
        return StyleGAN2(self.config).to(device).requires_grad_(False)


NETWORKS = (
    Network("256", StyleGAN2.presets["256"]),
    Network("256, base 32768", replace(StyleGAN2.presets["256"], base=32768), layouts=LAYOUTS[:1]),
    Network("1024", StyleGAN2.presets["1024"]),
)
SMALL = (Network("tiny", StyleGAN2.presets["tiny"], (1, 2), LAYOUTS[:1]),)


@dataclass(frozen=True)
class Sampled:
    """Seconds of one call that makes `batch` pictures of `side` px."""

    network: str
    side: int
    batch: int
    precision: str
    layout: str
    way: str
    took: Measure | Failed


@dataclass(frozen=True)
class Apart:
    """‖pictures − twins' in float32‖ / ‖twins' in float32‖, of the same z."""

    network: str
    way: str
    precision: str
    relative: float | Failed


def networks(asked: Asked, attempt: Attempts) -> Iterator[Sampled | Apart]:
    for network in SMALL if asked.small else NETWORKS:
        family = attempt(f"building {network.name}", partial(network.built, asked.device))
        for layout in network.layouts:
            if isinstance(family, StyleGAN2):
                last = layout != LAYOUTS[0]
                family.average.to(memory_format=torch.channels_last if last else torch.contiguous_format)
                if not last:
                    yield from compared(network, family, asked, attempt)
            halves = PRECISIONS if layout == LAYOUTS[0] else tuple(AUTOCAST)
            yield from sampled(network, family, layout, halves, asked, attempt)
        del family
        gc.collect()


def sampled(
    network: Network,
    family: StyleGAN2 | Failed,
    layout: str,
    precisions: tuple[str, ...],
    asked: Asked,
    attempt: Attempts,
) -> Iterator[Sampled]:
    side = network.config.resolution
    for batch in network.batches:
        for precision in precisions:
            for way in (TWINS, TWINS_GRAPH, KERNELS, GRAPH):
                name = f"sampling {network.name}, {batch} at once, {precision}, {layout}, {way}"
                work = partial(sampling, family, way, batch, precision, asked)
                took = family if isinstance(family, Failed) else attempt(name, work)
                yield Sampled(network.name, side, batch, precision, layout, called(way, asked.gpu), took)


def sampling(family: StyleGAN2, way: str, batch: int, precision: str, asked: Asked) -> Measure:
    """Seconds of one call. Raises RuntimeError where it is not what it is called: kernels or graphs are off."""
    from generators.replay import Replay

    device = torch.device(asked.device)
    zs = [family.draw(batch, torch.Generator().manual_seed(seed)).to(device) for seed in range(4)]
    make: Callable[[Tensor], Tensor] = Replay(family.sample) if way in REPLAYED else family.sample
    turn = iter(range(10**9))
    with computing(way, precision, asked):
        clock, warm = Clock(asked.gpu, asked.seconds), WARM_GRAPH if way in REPLAYED else WARM
        took = clock.whole(lambda: make(zs[next(turn) % len(zs)]), warm)
    if way in REPLAYED and asked.gpu and getattr(make, "off", False):
        raise RuntimeError("the CUDA graph could not be recorded")
    return took


def computing(way: str, precision: str, asked: Asked) -> ExitStack:
    """Without gradients, in a precision, on the twins alone or on kernels: then checked, before and after."""
    within = ExitStack()
    within.enter_context(torch.no_grad())
    within.enter_context(at_precision(precision, torch.device(asked.device)))
    within.enter_context(on(way, precision, asked.gpu))
    return within


def on(way: str, precision: str, gpu: bool) -> AbstractContextManager:
    if way not in BY_KERNELS:
        return twins_only()
    return kernels_on(precision) if gpu else nullcontext()


@contextmanager
def kernels_on(precision: str) -> Iterator[None]:
    """Raises RuntimeError if kernels can't run in these types, at the beginning or after what was done within."""
    check(precision)
    yield
    check(precision)


def check(precision: str) -> None:
    for dtype in dict.fromkeys((torch.float32, AUTOCAST.get(precision, torch.float32))):
        if not kernel.available(torch.empty(1, dtype=dtype, device="cuda")):
            raise RuntimeError(f"kernels are off: {kernel.HERE.failure or '`forensics doctor` says what is missing'}")


def compared(network: Network, family: StyleGAN2, asked: Asked, attempt: Attempts) -> Iterator[Apart]:
    """Ways and precisions beside the twins in float32 without TF32."""
    pictures = partial(made, family, asked)
    truth = attempt(f"pictures of {network.name}, float32", partial(pictures, TWINS, "fp32", False))
    with_tf32 = (False, True) if asked.gpu else (True,)
    for way in (KERNELS, TWINS):
        for precision in PRECISIONS:
            for tf32 in with_tf32 if precision == "fp32" else (True,):
                if way == TWINS and precision == "fp32" and not (tf32 and asked.gpu):
                    continue  # the truth itself
                named = precision + (", TF32 convolutions" if tf32 and precision == "fp32" and asked.gpu else "")
                name = f"pictures of {network.name}, {way}, {named}"
                work = partial(relative, pictures, truth, way, precision, tf32)
                found = truth if isinstance(truth, Failed) else attempt(name, work)
                yield Apart(network.name, called(way, asked.gpu), named, found)


def made(family: StyleGAN2, asked: Asked, way: str, precision: str, tf32: bool) -> Tensor:
    """(PICTURES, C, H, W) float64 on the CPU, not clamped."""
    z = family.draw(PICTURES, torch.Generator().manual_seed(100)).to(asked.device)
    before = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = tf32 and before
        with computing(way, precision, asked):
            return family.average(z, noise="const").double().cpu()
    finally:
        torch.backends.cudnn.allow_tf32 = before


def relative(pictures: Callable[..., Tensor], truth: Tensor, way: str, precision: str, tf32: bool) -> float:
    return float((pictures(way, precision, tf32) - truth).norm() / truth.norm())


def called(way: str, gpu: bool) -> str:
    """A way's name in tables: without a GPU no kernel runs and no graph is recorded, whatever is asked for."""
    return way if gpu or way == TWINS else f"{way} (no GPU: twins, eager)"
