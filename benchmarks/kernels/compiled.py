"""The same networks by torch.compile, on the twins: what PyTorch gains by itself, where it can.

Compiling may fail, or take longer than anybody waits: it has a time limit, and what came of it is written in the row.
"""

from __future__ import annotations

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch

from benchmarks.kernels import networks
from benchmarks.kernels.asked import Asked
from benchmarks.kernels.attempts import Attempts, Failed
from benchmarks.kernels.clock import Clock
from benchmarks.kernels.correctness import LAYOUTS
from benchmarks.kernels.networks import TWINS, WARM, Network, Sampled, computing
from benchmarks.table import Measure
from generators.families.stylegan2 import StyleGAN2

COMPILED = "twins, torch.compile"
LIMIT = 75.0  # seconds for one network, batch and precision
AGAIN = 5.0  # seconds after which a limit that was swallowed is enforced once more


def compiled(asked: Asked, attempt: Attempts) -> Iterator[Sampled]:
    """bf16 first, several at once first. Beside it the twins, unless `networks` has timed them."""
    chosen = networks.SMALL if asked.small else (networks.NETWORKS[0], networks.NETWORKS[-1])
    for precision in ("bf16", "fp32"):
        for network in chosen:
            family = attempt(f"building {network.name}", partial(network.built, asked.device))
            for batch in reversed(network.batches):
                if "networks" not in asked.sections:
                    eager = partial(networks.sampling, family, TWINS, batch, precision, asked)
                    yield row(network, family, TWINS, batch, precision, attempt, eager)
                limit = max(min(LIMIT, attempt.ends - time.monotonic()), 1.0)
                work = partial(sampling, family, batch, precision, asked, limit)
                yield row(network, family, COMPILED, batch, precision, attempt, work)
            del family
            gc.collect()


def row(
    network: Network,
    family: StyleGAN2 | Failed,
    way: str,
    batch: int,
    precision: str,
    attempt: Attempts,
    work: Callable[[], Measure],
) -> Sampled:
    name = f"sampling {network.name}, {batch} at once, {precision}, {way}"
    took = family if isinstance(family, Failed) else attempt(name, work)
    return Sampled(network.name, network.config.resolution, batch, precision, LAYOUTS[0], way, took)


def sampling(family: StyleGAN2, batch: int, precision: str, asked: Asked, limit: float) -> Measure:
    """Seconds of one call. Raises TimeoutError when compiling and measuring take longer than `limit` seconds."""
    z = family.draw(batch, torch.Generator().manual_seed(0)).to(asked.device)
    torch.compiler.reset()
    began = time.monotonic()
    try:
        with within(limit), computing(COMPILED, precision, asked):
            make = torch.compile(family.sample, dynamic=False)
            return Clock(asked.gpu, asked.seconds).whole(lambda: make(z), WARM)
    except Exception:
        if time.monotonic() - began < limit:
            raise
        raise TimeoutError(f"longer than {limit:.0f} s") from None  # in whatever words the compiler puts it
    finally:
        torch.compiler.reset()


class Late(Exception):
    """The alarm. Of no kind that a compiler would handle."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Late in what is done within, after so long, where the system has an alarm for that."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: object) -> None:
        raise Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
