"""Options of NVIDIA's networks ←→ our config of StyleGAN2: what one says of the other."""

from __future__ import annotations

from generators.families.stylegan2 import StyleGAN2Config
from generators.interop.options import CriticOptions, GeneratorOptions


def generator_options(config: StyleGAN2Config) -> GeneratorOptions:
    c = config
    return GeneratorOptions(
        c.latent,
        c.labels,
        c.w,
        c.resolution,
        c.channels,
        base=c.base,
        most=c.most,
        architecture=c.generator_architecture,
        noise=c.noise,
        clamp=c.clamp,
        mapping_layers=c.mapping_layers,
        w_beta=c.w_beta,
    )


def critic_options(config: StyleGAN2Config) -> CriticOptions:
    c = config
    return CriticOptions(
        c.labels,
        c.resolution,
        c.channels,
        base=c.critic_base,
        most=c.most,
        architecture=c.critic_architecture,
        clamp=c.clamp,
        group=c.group,
        statistics=c.statistics,
        mapping_layers=c.mapping_layers,
    )


def config_of(options: GeneratorOptions, critic: CriticOptions | None = None) -> StyleGAN2Config:
    """The config that is nearest. What it cannot tell (widths of the mapping, activations, filters) is left away."""
    o = options
    theirs = {}
    if critic is not None:
        theirs = {"critic_base": critic.base, "critic_architecture": critic.architecture}
        theirs |= {"group": critic.group or StyleGAN2Config.group, "statistics": critic.statistics}
    return StyleGAN2Config(
        resolution=o.resolution,
        channels=o.channels,
        labels=o.labels,
        latent=o.latent,
        w=o.w,
        mapping_layers=o.mapping_layers,
        base=o.base,
        most=o.most,
        generator_architecture=o.architecture,
        noise=o.noise,
        clamp=o.clamp,
        w_beta=min(o.w_beta, 1.0),
        **theirs,
    )
