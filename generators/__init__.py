"""The forgers: networks that make photos of nothing. `FAMILIES` is all of them, oldest first.

To add one: a file in `families/` with a `Family` and its config, and its name in FAMILIES.
`FAMILIES` is read lazily, because families need torch and the command line must start quickly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generators.families.autoencoder import Autoencoder
    from generators.families.dcgan import DCGAN
    from generators.families.gan import GAN
    from generators.families.progan import ProGAN
    from generators.families.stylegan import StyleGAN
    from generators.families.stylegan2 import StyleGAN2
    from generators.families.stylegan2_ada import StyleGAN2ADA
    from generators.families.vae import VAE

    FAMILIES = (Autoencoder, VAE, GAN, DCGAN, ProGAN, StyleGAN, StyleGAN2, StyleGAN2ADA)


def __getattr__(name: str):
    if name != "FAMILIES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from generators.families.autoencoder import Autoencoder
    from generators.families.dcgan import DCGAN
    from generators.families.gan import GAN
    from generators.families.progan import ProGAN
    from generators.families.stylegan import StyleGAN
    from generators.families.stylegan2 import StyleGAN2
    from generators.families.stylegan2_ada import StyleGAN2ADA
    from generators.families.vae import VAE

    return (Autoencoder, VAE, GAN, DCGAN, ProGAN, StyleGAN, StyleGAN2, StyleGAN2ADA)
