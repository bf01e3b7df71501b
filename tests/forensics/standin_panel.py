"""A panel without models, for scans: workers import it by name, so it lives in a file of its own.

`Brightness` scores the mean; a photo may ask it to crash or to hang by its first pixel.
Pictures of tests are under 16 px, so that no face model is loaded either.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence, silent
from forensics.photo import Photo
from forensics.refusal import Refusal

CRASHES, HANGS, CRASHES_ONCE, FAILS, GROWS = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 0, 255), (255, 255, 0)


class Brightness:
    name = "brightness"
    question = "Is it bright?"
    scores = True

    def __init__(self, weights: str, pause: float, notes: Path | None):
        self.weights, self.pause, self.notes = weights, pause, notes

    def examine(self, photo: Photo) -> Evidence:
        time.sleep(self.pause)
        first = tuple(int(v) for v in photo.pixels[0, 0])
        if first == CRASHES:
            os.kill(os.getpid(), signal.SIGSEGV)
        if first == CRASHES_ONCE:
            try:
                (self.notes / photo.sha256).touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        if first == HANGS:
            time.sleep(600)
        if first == GROWS:
            grown = np.ones(2**30, dtype=np.uint8)
            time.sleep(600 * grown[0])
        if first == FAILS:
            raise ZeroDivisionError("a mistake of ours")
        return Evidence(self.name, float(np.mean(photo.pixels)) / 10 - 10, "It has a brightness.")


class Mute:
    name = "mute"
    question = "Nothing?"
    scores = False
    weights = None

    def examine(self, photo: Photo) -> Evidence:
        return silent(self.name, "It never says anything.")


def load(weights: str = "a" * 64, pause: float = 0.0, notes: Path | None = None):
    calibration = Calibration({"brightness": Line(0.1, 0.05, 50)}, Domain(1, 0), 3000, 3000, 0.5)
    return (Brightness(weights, pause, notes), Mute()), calibration


def refuse():
    raise Refusal("weights are missing; run `make weights`")


def die():
    os.kill(os.getpid(), signal.SIGKILL)
