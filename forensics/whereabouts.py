"""Where a photo was taken, if it tells: coarse until somebody asks, and never in what is shown of its metadata."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import ExifTags, Image

from forensics.photo import FORMATS

COARSE = 1  # decimals of a degree: some 11 km
KEPT_BACK = "kept back: it may say where the photo was taken"
BINARY = re.compile("raw profile", re.I)  # EXIF and the like, as hexadecimal digits in a PNG's text
NAMED = re.compile(r"gps|(?:^|\W)(?:geo|lat|latitude|lon|long|longitude)(?:\W|$)", re.I)
INSIDE = re.compile(  # an attribute, an element or a line that holds a coordinate
    r"""((?:gps|geo:)\w*|(?:lat|long)itude)(["']?\s*[:=>]\s*(?:<!\[CDATA\[)?["']?)[^"'<>}\n]*""", re.I
)


@dataclass(frozen=True)
class Place:
    """Degrees, north and east positive."""

    latitude: float
    longitude: float

    def words(self, decimals: int = COARSE) -> str:
        """ "48.9° N, 2.3° E" """
        north, east = round(self.latitude, decimals), round(self.longitude, decimals)
        sides = "N" if north >= 0 else "S", "E" if east >= 0 else "W"
        return f"{abs(north):.{decimals}f}° {sides[0]}, {abs(east):.{decimals}f}° {sides[1]}"


def place(data: bytes) -> Place | None:
    """Of a file's EXIF; None where there is none, or none that is a place."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                found = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        latitude = degrees(found, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S")
        longitude = degrees(found, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W")
    except Exception:  # hostile EXIF raises whatever it likes
        return None
    known = math.isfinite(latitude) and math.isfinite(longitude)
    return Place(latitude, longitude) if known and abs(latitude) <= 90 and abs(longitude) <= 180 else None


def degrees(found: Mapping[int, object], tag: int, side: int, negative: str) -> float:
    whole, minutes, seconds = (float(part) for part in found[tag])
    value = whole + minutes / 60 + seconds / 3600
    return -value if str(found.get(side, "")).strip("\0 ").upper() == negative else value


def without_place(key: str, value: str) -> str:
    """A text value of metadata; what it says of a place is taken out."""
    if BINARY.search(key) or NAMED.search(key):
        return KEPT_BACK
    return INSIDE.sub(r"\1\2…", value)
