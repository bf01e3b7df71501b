"""A photo at the size at which faces were validated.

Hardly any real face higher than 224 px was at hand to validate on, while nearly every camera takes such
faces. What looks for traces in pixels therefore sees a larger face as a re-posting would show it: the
photo shrunk and encoded again. Both classes are treated alike, in training sets as in inspections.
"""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

from forensics import laundering
from forensics.face import largest_face
from forensics.photo import Photo

LARGEST_FACE = 224  # px, brow line to chin
QUALITY = 90  # of the JPEG after shrinking

_seen: WeakKeyDictionary[Photo, Photo] = WeakKeyDictionary()


def at_known_size(photo: Photo) -> Photo:
    """The photo itself, or one with fewer pixels in which the largest face is about 224 px high; made once.

    Only `pixels` differ; bytes and metadata are still those of the file.
    """
    face = largest_face(photo)
    if face is None or face.height <= LARGEST_FACE:
        return photo
    if photo not in _seen:
        smaller = laundering.resize(photo.pixels, LARGEST_FACE / face.height)
        _seen[photo] = replace(photo, pixels=laundering.jpeg(smaller, QUALITY))
    return _seen[photo]
