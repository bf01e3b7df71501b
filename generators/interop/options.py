"""What the constructors of NVIDIA's StyleGAN2 networks are told, as two records, checked.

Named as our own settings are (families/stylegan2.py); `kwargs` and `..._from` translate to and from NVIDIA's names.
Theirs may be flat or nested: the code of StyleGAN3 takes what is for the synthesis without a dict of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forensics.refusal import Refusal
from generators.interop.told import FILTER, Told
from generators.ops.bias_act import ACTIVATIONS

ARCHITECTURES = ("skip", "resnet", "orig")
FASTER = ("fp16_channels_last", "fused_modconv_default", "class_name", "freeze_layers")  # change no network


@dataclass(frozen=True)
class GeneratorOptions:
    """A generator: mapping and synthesis. A layer of R rows has min(base // R, most) feature maps."""

    latent: int
    labels: int
    w: int
    resolution: int
    channels: int
    base: int = 32768
    most: int = 512
    architecture: str = "skip"
    noise: bool = True
    activation: str = "lrelu"
    filter: tuple[float, ...] = FILTER
    clamp: float | None = None
    half: int = 0  # highest resolutions that run in float16 there; all run in float32 here
    mapping_layers: int = 8
    mapping_width: int | None = None  # features between its layers; None: `w`
    mapping_embed: int | None = None  # features that labels become; None: `w`
    mapping_activation: str = "lrelu"
    mapping_lr: float = 0.01  # of its learning rate, and the scale of its weights
    w_beta: float = 0.995

    def kwargs(self) -> dict[str, Any]:
        """As NVIDIA's Generator is told."""
        return {
            "z_dim": self.latent,
            "c_dim": self.labels,
            "w_dim": self.w,
            "img_resolution": self.resolution,
            "img_channels": self.channels,
            "mapping_kwargs": {
                "num_layers": self.mapping_layers,
                "embed_features": self.mapping_embed,
                "layer_features": self.mapping_width,
                "activation": self.mapping_activation,
                "lr_multiplier": self.mapping_lr,
                "w_avg_beta": self.w_beta,
            },
            "synthesis_kwargs": {
                "channel_base": self.base,
                "channel_max": self.most,
                "num_fp16_res": self.half,
                "architecture": self.architecture,
                "use_noise": self.noise,
                "activation": self.activation,
                "resample_filter": list(self.filter),
                "conv_clamp": self.clamp,
            },
        }


@dataclass(frozen=True)
class CriticOptions:
    """A discriminator, with a mapping of its own for labels."""

    labels: int
    resolution: int
    channels: int
    base: int = 32768
    most: int = 512
    architecture: str = "resnet"
    activation: str = "lrelu"
    filter: tuple[float, ...] = FILTER
    clamp: float | None = None
    half: int = 0
    group: int | None = 4  # of the minibatch statistic; None: the batch
    statistics: int = 1
    projected: int | None = None  # width of the mapped label; None: as wide as the layer at 4x4
    mapping_layers: int = 8
    mapping_width: int | None = None
    mapping_embed: int | None = None
    mapping_activation: str = "lrelu"
    mapping_lr: float = 0.01

    def kwargs(self) -> dict[str, Any]:
        """As NVIDIA's Discriminator is told."""
        return {
            "c_dim": self.labels,
            "img_resolution": self.resolution,
            "img_channels": self.channels,
            "architecture": self.architecture,
            "channel_base": self.base,
            "channel_max": self.most,
            "num_fp16_res": self.half,
            "conv_clamp": self.clamp,
            "cmap_dim": self.projected,
            "block_kwargs": {"activation": self.activation, "resample_filter": list(self.filter)},
            "mapping_kwargs": {
                "num_layers": self.mapping_layers,
                "embed_features": self.mapping_embed,
                "layer_features": self.mapping_width,
                "activation": self.mapping_activation,
                "lr_multiplier": self.mapping_lr,
            },
            "epilogue_kwargs": {
                "mbstd_group_size": self.group,
                "mbstd_num_channels": self.statistics,
                "activation": self.activation,
            },
        }


Options = GeneratorOptions | CriticOptions


def generator_from(kwargs: Mapping[str, Any], of: str) -> GeneratorOptions:
    """Of the arguments of NVIDIA's Generator, by name; what is for the synthesis flat or under its own name.

    Raises Refusal for an option that is out of bounds, and for one that these networks do not have.
    """
    told = Told(of, kwargs)
    mapping, synthesis = Told(of, told.inner("mapping_kwargs")), told.inner("synthesis_kwargs")
    told = Told(of, told.given, synthesis)
    told.drop(*FASTER)
    found = GeneratorOptions(
        told.whole("z_dim", None, 1),
        told.whole("c_dim", 0, 0),
        told.whole("w_dim", None, 1),
        told.resolution("img_resolution"),
        told.whole("img_channels", 3, 1, 4),
        base=told.whole("channel_base", 32768, 1, 2**24),
        most=told.whole("channel_max", 512, 1),
        architecture=told.one_of("architecture", "skip", ARCHITECTURES),
        noise=told.one_of("use_noise", True, (True, False)),
        activation=told.one_of("activation", "lrelu", ACTIVATIONS),
        filter=told.taps("resample_filter"),
        clamp=told.number_or_none("conv_clamp", None),
        half=told.whole("num_fp16_res", 0, 0, 64),
        mapping_layers=mapping.whole("num_layers", 8, 1, 64),
        mapping_width=mapping.whole_or_none("layer_features", None, 1),
        mapping_embed=mapping.whole_or_none("embed_features", None, 1),
        mapping_activation=mapping.one_of("activation", "lrelu", ACTIVATIONS),
        mapping_lr=mapping.number("lr_multiplier", 0.01),
        w_beta=mapping.number("w_avg_beta", 0.995),
    )
    told.done()
    mapping.done()
    return found


def critic_from(kwargs: Mapping[str, Any], of: str) -> CriticOptions:
    """Of the arguments of NVIDIA's Discriminator, by name. Raises Refusal as `generator_from` does."""
    told = Told(of, kwargs)
    parts = {name: Told(of, told.inner(f"{name}_kwargs")) for name in ("block", "mapping", "epilogue")}
    block, mapping, epilogue = parts.values()
    for part in (told, block):
        part.drop(*FASTER)
    activation = block.one_of("activation", "lrelu", ACTIVATIONS)
    if (last := epilogue.one_of("activation", "lrelu", ACTIVATIONS)) != activation:
        raise Refusal(f"{of} has a discriminator of {activation} that ends in {last}; one for all is supported")
    found = CriticOptions(
        told.whole("c_dim", 0, 0),
        told.resolution("img_resolution"),
        told.whole("img_channels", 3, 1, 4),
        base=told.whole("channel_base", 32768, 1, 2**24),
        most=told.whole("channel_max", 512, 1),
        architecture=told.one_of("architecture", "resnet", ARCHITECTURES),
        activation=activation,
        filter=block.taps("resample_filter"),
        clamp=told.number_or_none("conv_clamp", None),
        half=told.whole("num_fp16_res", 0, 0, 64),
        group=epilogue.whole_or_none("mbstd_group_size", 4, 1),
        statistics=epilogue.whole("mbstd_num_channels", 1, 0),
        projected=told.whole_or_none("cmap_dim", None, 1),
        mapping_layers=mapping.whole("num_layers", 8, 1, 64),
        mapping_width=mapping.whole_or_none("layer_features", None, 1),
        mapping_embed=mapping.whole_or_none("embed_features", None, 1),
        mapping_activation=mapping.one_of("activation", "lrelu", ACTIVATIONS),
        mapping_lr=mapping.number("lr_multiplier", 0.01),
    )
    for part in (told, *parts.values()):
        part.done()
    return found


def base_and_most(widths: Mapping[int, int], of: str) -> tuple[int, int]:
    """`base` and `most` of the layers' feature maps by resolution. Raises Refusal when no two numbers tell them."""
    base, most = max(side * width for side, width in widths.items()), max(widths.values())
    if any(min(base // side, most) != width for side, width in widths.items()):
        raise Refusal(f"{of} has layers of {', '.join(map(str, widths.values()))} features; halves are supported")
    return base, most
