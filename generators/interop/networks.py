"""What a checkpoint holds: networks of StyleGAN2 under NVIDIA's tensor names, or an earlier generator of ours.

A network is its options and its tensors, and the two fit: names and shapes are compared with a network built
without memory (torch's meta device), and no network is larger than the file that it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from forensics.refusal import Refusal
from generators.critic import Discriminator
from generators.families.stylegan2 import Generator
from generators.interop.options import CriticOptions, GeneratorOptions, Options
from generators.interop.pickles import one_line
from generators.interop.told import FILTER, WIDEST
from generators.mapping import Mapping as Mapper
from generators.ops.upfirdn2d import setup_filter
from generators.synthesis import Synthesis

NAMES = ("G_ema", "G", "D")  # the averaged generator, which makes the pictures; as it was trained; its critic


class Shaped(Protocol):
    """A tensor, an array, or what a file tells of one."""

    @property
    def shape(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class Shape:
    """Of a tensor that is not loaded yet."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Painter:
    """A generator of StyleGAN2."""

    options: GeneratorOptions
    tensors: Mapping[str, Tensor]

    @property
    def summary(self) -> str:
        o = self.options
        return (
            f"StyleGAN2 generator ({o.architecture}), {o.resolution}x{o.resolution}, {o.channels} channels, "
            f"{o.labels or 'no'} labels, z {o.latent}, w {o.w}"
        )


@dataclass(frozen=True)
class Critic:
    """A discriminator of StyleGAN2."""

    options: CriticOptions
    tensors: Mapping[str, Tensor]

    @property
    def summary(self) -> str:
        o = self.options
        return (
            f"StyleGAN2 discriminator ({o.architecture}), {o.resolution}x{o.resolution}, {o.channels} channels, "
            f"{o.labels or 'no'} labels"
        )


@dataclass(frozen=True)
class Earlier:
    """A generator of StyleGAN or ProGAN: our family, its config, and tensors under our names."""

    family: str
    config: Any
    tensors: Mapping[str, Tensor]

    @property
    def summary(self) -> str:
        c = self.config
        return (
            f"{self.family} generator, {c.resolution}x{c.resolution}, {c.channels} channels, no labels, "
            f"z {c.latent}" + (f", w {c.latent}" if self.family == "stylegan" else "")
        )


Network = Painter | Critic | Earlier


@dataclass(frozen=True)
class Checkpoint:
    """A file of networks. Each is made when it is asked for; `told`: what goes with the weights, as JSON has it."""

    kind: str  # e.g. "NVIDIA's PyTorch code"
    of: str  # what refusals call the file
    makers: Mapping[str, Callable[[], Network]]  # by one of NAMES
    told: Mapping[str, Any] = field(default_factory=dict)

    def network(self, name: str) -> Network:
        """Raises Refusal for a network that is not there, and as its maker does."""
        if name not in self.makers:
            raise Refusal(f"{self.of} holds no {name}; it has {', '.join(self.makers) or 'no network at all'}")
        return self.makers[name]()


class Built(Generator):
    """families/stylegan2.Generator, of options that its config does not have."""

    def __init__(self, options: GeneratorOptions):
        nn.Module.__init__(self)
        o = options
        self.synthesis = Synthesis(
            o.w, o.resolution, o.channels, o.base, o.most, o.architecture, o.noise, o.activation, o.filter, o.clamp
        )
        self.mapping = Mapper(
            o.latent,
            o.labels,
            o.w,
            self.synthesis.layers,
            o.mapping_layers,
            o.mapping_width,
            o.mapping_embed,
            o.mapping_activation,
            o.mapping_lr,
            o.w_beta,
        )


def built(options: Options, of: str, device: str = "meta") -> nn.Module:
    """The network of options, its weights at random. Raises Refusal where no network can have them."""
    try:
        with torch.device(device):
            return Built(options) if isinstance(options, GeneratorOptions) else discriminator(options)
    except (RuntimeError, ValueError, TypeError, ArithmeticError, MemoryError) as error:
        raise Refusal(f"{of} tells options that no network can have ({one_line(error)})") from None


def discriminator(options: CriticOptions) -> Discriminator:
    o = options
    critic = Discriminator(
        o.resolution,
        o.channels,
        o.labels,
        o.base,
        o.most,
        o.architecture,
        o.activation,
        o.filter,
        o.clamp,
        o.group or WIDEST,
        o.statistics,
        o.projected,
        o.mapping_layers,
    )
    if o.statistics and min(o.base // 4, o.most) % o.statistics:
        raise ValueError(f"{o.statistics} statistics of {min(o.base // 4, o.most)} features")
    if o.labels:
        critic.mapping = Mapper(
            0,
            o.labels,
            critic.projected,
            0,
            o.mapping_layers,
            o.mapping_width,
            o.mapping_embed,
            o.mapping_activation,
            o.mapping_lr,
            None,
        )
    return critic


def filters(options: Options, of: str) -> dict[str, Tensor]:
    """The filters that NVIDIA's PyTorch files carry, and others leave to the code.

    Layers that resample nothing carry the usual one: conv1 of a generator, and a discriminator's last block.
    """
    idle = ".conv1.resample_filter" if isinstance(options, GeneratorOptions) else "b4."
    chosen, usual = setup_filter(options.filter), setup_filter(FILTER)
    names = [name for name in built(options, of).state_dict() if name.endswith("resample_filter")]
    return {name: usual.clone() if name.endswith(idle) or name.startswith(idle) else chosen.clone() for name in names}


def check_fit(network: nn.Module, found: Mapping[str, Shaped], of: str, most: float) -> None:
    """Raises Refusal where names or shapes are not the network's, or it has more than `most` bytes, the file's."""
    mine = network.state_dict()
    missing, unknown = [name for name in mine if name not in found], [name for name in found if name not in mine]
    odd = [f"{len(missing)} of its {len(mine)} tensors are missing, {missing[0]} first"] if missing else []
    odd += [f"{len(unknown)} are unknown, {one_line(unknown[0])} first"] if unknown else []
    odd += [
        f"{name} is {tuple(found[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in mine.items()
        if name in found and tuple(found[name].shape) != tuple(tensor.shape)
    ]
    if odd:
        raise Refusal(f"{of} does not hold the network that it tells of: {'; '.join(odd[:2])}")
    least = sum(tensor.numel() for tensor in mine.values()) * 2  # bytes, were all of them float16
    if least > most:
        raise Refusal(f"{of} tells of a network of {least:,} bytes and more, but has {most:,}; get the file anew")


def sound(tensors: Mapping[str, Tensor], of: str) -> dict[str, Tensor]:
    """float32 and contiguous. Raises Refusal for a tensor that is not of real numbers, or not finite."""
    found = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.layout is not torch.strided:
            raise Refusal(f"{of}: {name} is not of real numbers ({tensor.dtype}); get the file anew")
        found[name] = tensor.float().contiguous()
        if not bool(torch.isfinite(found[name]).all()):
            raise Refusal(f"{of}: {name} is not finite; get the file anew")
    return found
