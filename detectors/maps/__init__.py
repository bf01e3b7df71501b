"""Pixel maps: pictures for the eye, barred from the verdict by what they are (`map.py`). `MAPS` is all of them.

To add one: a file with a class that keeps `detectors.maps.map.Map`, and its name in MAPS.
"""

from __future__ import annotations

from detectors.maps.clones import Clones
from detectors.maps.error_level import ErrorLevel
from detectors.maps.ghost import Ghost
from detectors.maps.gradient import Gradient
from detectors.maps.map import Drawing, Map
from detectors.maps.noise import Noise
from detectors.maps.planes import Planes
from detectors.maps.wavelet import Wavelet

MAPS: tuple[type[Map], ...] = (ErrorLevel, Noise, Ghost, Wavelet, Clones, Gradient, Planes)

__all__ = ["MAPS", "Drawing", "Map"]
