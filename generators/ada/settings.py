"""The augmentation pipeline's settings: which operations, how often, how strongly; and its eleven named ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Augmentations:
    """Karras et al. 2020b, appendix B. An operation meets a picture with chance p times its number here.

    The other numbers say how strong an operation is: `_max` bounds a uniform distribution, `_std` is the
    spread of a normal one, or in octaves of a lognormal one.
    """

    xflip: float = 0.0  # mirror left and right
    rotate90: float = 0.0  # by whole quarters of a turn
    xint: float = 0.0  # shift by whole pixels,
    xint_max: float = 0.125  # up to this share of a side
    scale: float = 0.0  # enlarge or shrink
    scale_std: float = 0.2
    rotate: float = 0.0  # by any angle,
    rotate_max: float = 1.0  # up to this share of half a turn
    aniso: float = 0.0  # stretch along one axis
    aniso_std: float = 0.2
    xfrac: float = 0.0  # shift by parts of pixels
    xfrac_std: float = 0.125  # share of a side
    brightness: float = 0.0  # add
    brightness_std: float = 0.2
    contrast: float = 0.0  # multiply
    contrast_std: float = 0.5
    lumaflip: float = 0.0  # bright becomes dark, hues stay
    hue: float = 0.0  # turn around the axis of greys,
    hue_max: float = 1.0  # up to this share of half a turn
    saturation: float = 0.0
    saturation_std: float = 1.0
    imgfilter: float = 0.0  # strengthen or weaken frequency bands,
    imgfilter_bands: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)  # each this often, lowest first
    imgfilter_std: float = 1.0
    noise: float = 0.0  # white
    noise_std: float = 0.1  # of its own standard deviation
    cutout: float = 0.0  # a grey rectangle,
    cutout_size: float = 0.5  # share of each side

    def __post_init__(self) -> None:
        object.__setattr__(self, "imgfilter_bands", tuple(self.imgfilter_bands))
        if len(self.imgfilter_bands) != 4:
            raise ValueError(f"imgfilter_bands {self.imgfilter_bands}: must be four numbers")
        for name in (field.name for field in fields(self) if field.name != "imgfilter_bands"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} {getattr(self, name)}: must be 0 or more")

    @property
    def moves(self) -> bool:
        return any((self.xflip, self.rotate90, self.xint, self.scale, self.rotate, self.aniso, self.xfrac))

    @property
    def recolours(self) -> bool:
        return any((self.brightness, self.contrast, self.lumaflip, self.hue, self.saturation))


BLIT = {"xflip": 1.0, "rotate90": 1.0, "xint": 1.0}
GEOM = {"scale": 1.0, "rotate": 1.0, "aniso": 1.0, "xfrac": 1.0}
COLOR = {"brightness": 1.0, "contrast": 1.0, "lumaflip": 1.0, "hue": 1.0, "saturation": 1.0}
BG, BGC = BLIT | GEOM, BLIT | GEOM | COLOR

PIPELINES: Mapping[str, Augmentations] = {
    "blit": Augmentations(**BLIT),
    "geom": Augmentations(**GEOM),
    "color": Augmentations(**COLOR),
    "filter": Augmentations(imgfilter=1.0),
    "noise": Augmentations(noise=1.0),
    "cutout": Augmentations(cutout=1.0),
    "bg": Augmentations(**BG),
    "bgc": Augmentations(**BGC),  # what the paper trains with
    "bgcf": Augmentations(**BGC, imgfilter=1.0),
    "bgcfn": Augmentations(**BGC, imgfilter=1.0, noise=1.0),
    "bgcfnc": Augmentations(**BGC, imgfilter=1.0, noise=1.0, cutout=1.0),
}
