"""What is known of a published detector's weights, and where they are looked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Manifest:
    """One published set of weights. Words are for people; the rest decides how the file is read."""

    title: str  # "NPR"
    paper: str  # authors, year, title, where
    year: int
    licence: str  # of the authors' weights and code, as they state it
    stem: str  # the file's name here, without its ending
    published_as: str  # what the authors call the file, and where they keep it
    prepared: str  # what is done to a photo before the network sees it
    trained_on: str
    suffixes: tuple[str, ...] = (".pth", ".safetensors")
    variants: tuple[str, ...] = ()  # words of which the file's name must hold one, where the weights don't tell
    variant_means: str = ""  # "residual"
    prefixes: tuple[str, ...] = ("module.",)  # taken off the keys; "module." is what DataParallel puts before them
    high_means: Literal["generated", "real"] = "generated"  # of the network's own output, before any change of sign
    threshold: float = 0.0  # on the score (higher = more like a fake) at which its authors call a photo generated
    sha256: str | None = None  # None: its authors state none
    needs: tuple[Manifest, ...] = ()  # other files that it cannot do without

    @property
    def file(self) -> str:
        """The first name under which the file is looked for: "npr.pth", "ladeda.VARIANT.pth"."""
        between = f".{self.variant_means.upper()}" if self.variants else ""
        return f"{self.stem}{between}{self.suffixes[0]}"

    @property
    def names(self) -> tuple[str, ...]:
        """All names under which the file is looked for."""
        stems = [f"{self.stem}.{variant}" for variant in self.variants] or [self.stem]
        return tuple(stem + suffix for stem in stems for suffix in self.suffixes)

    @property
    def how_to_get_it(self) -> str:
        """What to save under which name. The place in words: nothing here is a link to click or a command to run."""
        others = f" (or {', '.join(self.suffixes[1:])})" if len(self.suffixes) > 1 else ""
        return f"the authors publish {self.published_as}; save it as {self.file}{others}{self.which_variant}"

    @property
    def which_variant(self) -> str:
        """ ", RESIDUAL being one of NPR, raw": what the capitals in `file` stand for; empty where there are none."""
        return f", {self.variant_means.upper()} being one of {', '.join(self.variants)}" if self.variants else ""


def published_folder() -> Path:
    """$FORENSICS_PUBLISHED, else deepfake-forensics/published in the user's data folder ($XDG_DATA_HOME)."""
    named = os.environ.get("FORENSICS_PUBLISHED")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "deepfake-forensics" / "published"
