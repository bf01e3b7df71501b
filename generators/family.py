"""What every step of the lineage is made of: a Family of networks and the Phases that train it."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from forensics.refusal import Refusal


@dataclass(frozen=True)
class Paper:
    """Where a family comes from."""

    title: str
    authors: str
    year: int
    url: str


class Config(Protocol):
    """What every family's config has; the rest is the family's own. A frozen dataclass."""

    resolution: int  # px: height of a picture, and its width where the family makes squares
    latent: int  # numbers in one z


def check_numbers(
    config: Any,
    zero: Sequence[str] = (),
    above: Sequence[str] = (),
    shares: Sequence[str] = (),
    of: type | None = None,
) -> None:
    """Raises ValueError for the first setting of a config (a dataclass) that no network or training can have.

    Whole numbers are at least 1, those named in `zero` at least 0; other numbers are finite and at least 0, those
    in `above` above 0, those in `shares` at most 1. `of`: the class whose settings are meant, the config's own.
    """
    for setting in fields(of or config):
        name, value = setting.name, getattr(config, setting.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            whole = isinstance(number, int) and "float" not in str(setting.type)
            least = 1 if whole and name not in zero else 0
            if not math.isfinite(number) or number < least or (name in above and number == 0):
                bound = "above 0" if name in above else f"from {least} on"
                raise ValueError(f"{name} {value}: must be a number {bound}")
            if name in shares and number > 1:
                raise ValueError(f"{name} {value}: must be a share, 0 to 1")


@dataclass(frozen=True)
class Batch:
    """What a phase learns from. `images`: (N, C, H, W) float32 in [-1, 1]; `labels`: (N, K) float32 or None."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Outcome:
    """What a phase hands back: a scalar loss to descend, and scalars worth watching, by name."""

    loss: Tensor
    measures: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One optimiser step: who learns, from which loss, how often.

    `every` > 1 is lazy regularisation (Karras et al. 2020, appendix B): the loop takes the phase
    every so many steps and multiplies its loss by `every`. Phases of one learner share its optimiser.
    """

    name: str
    learner: nn.Module
    loss: Callable[[Batch], Outcome]
    every: int = 1


@dataclass(frozen=True)
class Adam:
    """Settings of Adam for one learner."""

    lr: float
    beta1: float
    beta2: float
    eps: float = 1e-8


class Family(nn.Module, ABC):
    """A generator, whatever trains it, and the running average of the generator, which makes the pictures.

    Subclasses build their networks in `__init__(config)` and hand the generator to this one. State that
    must survive a resume is parameters and buffers; randomness comes from torch's default generator,
    which the loop seeds at every step.
    """

    name: ClassVar[str]
    paper: ClassVar[Paper]
    presets: ClassVar[Mapping[str, Any]]  # name → config; the first is the default, "tiny" is for tests
    average_kimg: ClassVar[float] = 10.0  # half-life of the average, in thousands of images
    average_rampup: ClassVar[float | None] = 0.05  # half-life is at most this share of the images seen
    truncates: ClassVar[bool] = False  # `sample` takes a truncation below 1
    reconstructs: ClassVar[bool] = False  # has `reconstruct(images) -> images`
    replayable: ClassVar[bool] = False  # its phases launch the same kernels each time (replay.py)

    def __init__(self, config: Any, generator: nn.Module):
        super().__init__()
        self.config = config
        self.generator = generator
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the average is."""
        return next(self.average.parameters()).device

    @property
    def stride(self) -> int | None:
        """None: `reconstruct` takes pictures of `size` only; else of any size that this divides."""
        return None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a picture, px."""
        return self.config.resolution, self.config.resolution

    @abstractmethod
    def phases(self) -> Sequence[Phase]:
        """The steps of one iteration, in order."""

    @abstractmethod
    def adam(self, learner: nn.Module) -> Adam:
        """How a learner of `phases` descends."""

    def draw(self, n: int, rng: torch.Generator | None = None, device: torch.device | str = "cpu") -> Tensor:
        """n latents from the prior, (n, Z) float32: standard normal unless the paper says otherwise."""
        return torch.randn(n, self.config.latent, generator=rng, device=device)

    def sample(self, z: Tensor, labels: Tensor | None = None, truncation: float = 1.0) -> Tensor:
        """(N, Z) → (N, C, H, W) float in [-1, 1], by the averaged generator.

        `labels`, (N, K), if it is conditional; `truncation` below 1 where the family `truncates`.
        Raises Refusal for either where the family has none.
        """
        if truncation != 1:
            raise Refusal(f"{self.name} cannot truncate; --truncation is for style-based families")
        if labels is not None:
            raise Refusal(f"{self.name} has no classes; leave labels away")
        return self.average(z)

    def reconstruct(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] → the same, through the averaged network, where the family `reconstructs`."""
        raise Refusal(f"{self.name} cannot reconstruct photos; autoencoders can")

    def advance(self, images_seen: int) -> None:
        """Called before every step: ProGAN grows here, ADA adapts."""

    def warnings(self) -> Sequence[str]:
        """What of the training's state a person should be warned of, one line each."""
        return ()

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the average towards the generator. Parameters only; see `settle` for buffers."""
        for mine, theirs in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)

    @torch.no_grad()
    def settle(self, batches: int = 8, size: int = 64) -> None:
        """Give the average buffers that fit its weights; call before `sample`.

        Batch norm's running statistics belong to the generator's weights of the last few steps, not to
        their average: they are measured anew over fixed latents. Other buffers are copied.
        """
        for mine, theirs in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            mine.copy_(theirs)
        norms = [m for m in self.average.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over all batches
            norm.train()
        rng = torch.Generator().manual_seed(0)
        device = self.device
        for _ in range(batches):
            self.average(self.draw(size, rng).to(device))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def family_named(name: str) -> type[Family]:
    """The class of a family. Raises Refusal with the allowed names."""
    import generators

    known = {family.name: family for family in generators.FAMILIES}
    if name not in known:
        raise Refusal(f"no family {name!r}; known: {', '.join(known)}{did_you_mean(name, known)}")
    return known[name]


def preset_named(family: type[Family], name: str | None) -> tuple[str, Any]:
    """The name and config of a preset; the default without a name. Raises Refusal with the allowed names."""
    name = name or next(iter(family.presets))
    if name not in family.presets:
        allowed = ", ".join(family.presets)
        raise Refusal(f"{family.name} has no preset {name!r}; known: {allowed}{did_you_mean(name, family.presets)}")
    return name, family.presets[name]


def did_you_mean(word: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(word.lower(), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
