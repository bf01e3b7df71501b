"""Faces of a photo: 478 landmarks with irises, named regions, and crops of one framing.

Landmarks: MediaPipe's Face Landmarker bundle (Apache-2.0), run offline. Left and right are the
viewer's: "left" is the left side of the picture.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from weakref import WeakKeyDictionary

import cv2
import numpy as np

from forensics.photo import Photo
from forensics.pinned import FACES, pinned

LOOK_AT = 1024  # px of the longer side that the face finder sees; larger photos are shrunk for it only
MOST_FACES = 8

# Indices in MediaPipe's mesh. An iris is its centre, then right, top, left, bottom of its rim.
IRIS = {"left": (468, 469, 470, 471, 472), "right": (473, 474, 475, 476, 477)}
EYE = {
    "left": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    "right": (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
}
MOUTH = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
MOUTH_CORNERS = (61, 291)
LIPS_INSIDE = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
TEMPLE = {"left": 234, "right": 454}  # where the ears begin
JAW = {"left": (93, 132), "right": (323, 361)}  # beside the lobes
NOSE, CHIN, BROW = 1, 152, 10  # tip, lowest point, top of the forehead
PARTS = ("eye", "ear", "collar")
PLACES = {  # of a part: sides of the FFHQ square outwards and down from its landmarks, and the part's own side
    "eye": (0.0, 0.0, 0.25),
    "ear": (0.035, 0.035, 0.20),
    "collar": (0.19, 0.05, 0.17),
}


@dataclass(frozen=True)
class Face:
    """One face. `points` is (478, 2) float32, in pixels of the upright photo; it may reach outside it."""

    points: np.ndarray = field(repr=False)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """left, top, right, bottom of all landmarks: brow line to chin, ear to ear."""
        left, top = np.floor(self.points.min(0)).astype(int)
        right, bottom = np.ceil(self.points.max(0)).astype(int)
        return int(left), int(top), int(right), int(bottom)

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    def iris(self, side: str) -> tuple[np.ndarray, float]:
        """Centre (2,) and radius of the "left" or "right" iris, in pixels."""
        centre, *rim = self.points[list(IRIS[side])]
        return centre, float(np.linalg.norm(np.array(rim) - centre, axis=1).mean())

    def frame(self, scale: float = 1.0) -> np.ndarray:
        """The FFHQ square around the face (Karras et al. 2018, appendix C), as (4, 2) corners in pixels.

        Corners: top left, bottom left, bottom right, top right. Turned with the eyes; `scale` widens it.
        """
        eyes = np.array([self.points[list(EYE[side])].mean(0) for side in ("left", "right")])
        mouth = self.points[list(MOUTH_CORNERS)].mean(0)
        between, across = eyes.mean(0), eyes[1] - eyes[0]
        down = mouth - between
        x = across - np.array([-down[1], down[0]])
        x *= max(np.linalg.norm(across) * 2.0, np.linalg.norm(down) * 1.8) / (np.linalg.norm(x) + 1e-9) * scale
        y = np.array([-x[1], x[0]])
        centre = between + down * 0.1
        return np.array([centre - x - y, centre - x + y, centre + x + y, centre + x - y], dtype=np.float32)

    @property
    def turn(self) -> float:
        """How far the head is turned: 0 = towards the camera, ±1 = profile, positive to the viewer's right.

        (l - r) / (l + r), with l and r the distances along the eyes' line from the nose's tip to the temples.
        """
        across = self.points[list(EYE["right"])].mean(0) - self.points[list(EYE["left"])].mean(0)
        along = (self.points - self.points[NOSE]) @ across / (np.linalg.norm(across) + 1e-9)
        left, right = -float(along[TEMPLE["left"]]), float(along[TEMPLE["right"]])
        return float(np.clip((left - right) / (abs(left) + abs(right) + 1e-9), -1, 1))

    def part(self, name: str, side: str) -> np.ndarray:
        """The square around the "left" or "right" "eye", "ear" (its lobe) or "collar", as (4, 2) corners in pixels.

        Ears and collar are no landmarks: their places follow from the mesh. The right square's corners are in
        mirrored order, so that `cut` shows both sides alike.
        """
        square = self.frame()
        x, y = square[3] - square[0], square[1] - square[0]
        outward, down, size = PLACES[name]
        x = -x if side == "right" else x
        landmarks = {"eye": EYE[side], "ear": JAW[side], "collar": (CHIN,)}[name]
        centre = self.points[list(landmarks)].mean(0) - x * outward + y * down
        x, y = x * size / 2, y * size / 2
        return np.array([centre - x - y, centre - x + y, centre + x + y, centre + x - y], dtype=np.float32)


def inside(frame: np.ndarray, photo: Photo) -> float:
    """Share of a square (4, 2) that lies within the photo, in [0, 1]."""
    steps = (np.arange(16) + 0.5) / 16
    across, down = (np.outer(steps, frame[corner] - frame[0]) for corner in (3, 1))
    points = frame[0] + across[:, None] + down[None]
    return float(((points >= 0) & (points < (photo.width, photo.height))).all(-1).mean())


_found: WeakKeyDictionary[Photo, tuple[Face, ...]] = WeakKeyDictionary()
_one_at_a_time = threading.Lock()


def faces(photo: Photo) -> tuple[Face, ...]:
    """All faces of a photo, largest first; found once a photo."""
    if photo not in _found:
        _found[photo] = find_faces(photo.pixels)
    return _found[photo]


def largest_face(photo: Photo) -> Face | None:
    return next(iter(faces(photo)), None)


def find_faces(pixels: np.ndarray) -> tuple[Face, ...]:
    """Faces in (H, W, 3) uint8, largest first."""
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return ()
    shrink = min(1.0, LOOK_AT / max(height, width))
    seen = pixels
    if shrink < 1:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        seen = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    import mediapipe

    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(seen))
    with _one_at_a_time:
        result = landmarker().detect(image)
    found = [
        Face(np.array([(p.x * width, p.y * height) for p in face], dtype=np.float32))
        for face in result.face_landmarks
    ]
    return tuple(sorted(found, key=lambda face: -face.height))


@cache
def landmarker():
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=pinned(FACES)),
        num_faces=MOST_FACES,
    )
    with hushed():
        made = vision.FaceLandmarker.create_from_options(options)
    # Its destructor needs threads that are gone at the interpreter's end, and would print a traceback: never run it.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made


@contextmanager
def hushed() -> Iterator[None]:
    """MediaPipe's native start-up log goes nowhere: it writes to file descriptor 2 past Python."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def cut(pixels: np.ndarray, frame: np.ndarray, size: int) -> np.ndarray:
    """The square `frame` (4, 2) of a picture as (size, size, 3) uint8; what lies outside is mirrored.

    Shrinks with anti-aliasing: the picture is first reduced by area to about the wanted scale.
    """
    side = float(np.linalg.norm(frame[3] - frame[0]))
    shrink = size / max(side, 1e-6)
    if shrink < 1:
        height, width = pixels.shape[:2]
        reduced = max(1, round(width * shrink)), max(1, round(height * shrink))
        pixels = cv2.resize(pixels, reduced, interpolation=cv2.INTER_AREA)
        frame = frame * (np.array(reduced, dtype=np.float32) / (width, height))
    corners = np.array([(0, 0), (0, size), (size, size)], dtype=np.float32)
    matrix = cv2.getAffineTransform(frame[:3].astype(np.float32), corners)
    return cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def cut_near(pixels: np.ndarray, frame: np.ndarray, size: int) -> np.ndarray:
    """`cut` on the neighbourhood only: the cost does not grow with the photo."""
    height, width = pixels.shape[:2]
    left, top = np.clip(np.floor(frame.min(0)).astype(int) - 4, 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(frame.max(0)).astype(int) + 4, (left + 1, top + 1), (width, height))
    return cut(pixels[top:bottom, left:right], frame - np.float32((left, top)), size)
