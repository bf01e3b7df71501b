"""A trained generator, ready to make pictures: from a run, an exported file, or what ships with us."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

import generators
from forensics.places import GENERATOR_WEIGHTS
from forensics.refusal import Refusal
from forensics.tensors import to_pictures, to_tensor
from generators import snapshots
from generators.family import Family, did_you_mean, family_named


@dataclass(frozen=True)
class Trained:
    """A family with the weights that make pictures, and where they come from."""

    family: Family
    weights: Path
    sha256: str  # of the weights file
    told: dict[str, Any]  # family, preset, config, domain, images_seen, corpus, ...

    @property
    def channels(self) -> int:
        """1 grey, 2 grey and alpha, 3 RGB, 4 RGBA."""
        return getattr(self.family.config, "channels", 3)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels' columns; () where the family has none."""
        columns = getattr(self.family.config, "labels", 0)
        names = tuple(str(name) for name in self.told.get("classes") or ())
        return names if len(names) == columns else tuple(str(column) for column in range(columns))

    @property
    def software(self) -> str:
        """How its pictures name their maker."""
        from forensics import __version__

        return f"deepfake-forensics {__version__} {self.family.name} {self.sha256[:12]}"

    def picture(self, seed: int, truncation: float = 1.0, label: int | None = None) -> np.ndarray:
        """The one picture of a seed, (H, W, C) uint8, C as `channels`.

        `label`: column of the class, for families with classes; None: the seed's own, see `label_of`.
        Pictures pass through the network one by one, on the CPU in one thread: the sums inside a
        convolution depend on how many are in it and how they are shared out, and a rounding further on a
        pixel would. Raises Refusal as `Family.sample` does.
        """
        average = self.family.average
        device = next(average.parameters()).device
        z = self.family.draw(1, torch.Generator().manual_seed(seed)).to(device)  # (1, Z)
        labels = None
        if self.classes:
            labels = torch.zeros(1, len(self.classes), device=device)  # (1, K)
            labels[0, self.label_of(seed) if label is None else label] = 1
        elif label is not None:
            raise Refusal(f"{self.family.name} has no classes; leave the label away")
        with torch.no_grad(), one_thread() if device.type == "cpu" else nullcontext():
            images = self.family.sample(z, labels, truncation)  # (1, C, H, W)
        return to_pictures(images)[0, :, :, : self.channels]  # (H, W, C): grey comes threefold

    def redrawn(self, pixels: np.ndarray) -> np.ndarray:
        """What the generator makes of a photo of its size, (H, W, C) uint8 → the same, C as `channels`.

        Alone and in one thread, as `picture`. Raises Refusal as `Family.reconstruct` does.
        """
        device = next(self.family.average.parameters()).device
        with torch.no_grad(), one_thread() if device.type == "cpu" else nullcontext():
            images = self.family.reconstruct(to_tensor([pixels]).to(device))  # (1, C, H, W)
        return to_pictures(images)[0, :, :, : self.channels]

    def label_of(self, seed: int) -> int:
        """The class of a seed whose class was not chosen: each as likely."""
        return int(np.random.default_rng(seed).integers(len(self.classes)))


@contextmanager
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def load(run: str | Path, device: str = "cpu") -> Trained:
    """What `run` names: a family's shipped weights ("dcgan"), a folder of `forensics train`, an exported file.

    Raises Refusal for anything else. Nothing is unpickled, and no network is built larger than its file.
    """
    path = weights_of(run)
    tensors, told = snapshots.read(path)
    prefix = "family.average."
    if not any(name.startswith(prefix) for name in tensors):
        raise Refusal(f"{path} holds no generator of ours; give a folder made by `forensics train` or its export")
    if path.parent.name == "snapshots" and "config" not in told:
        told |= told_by_run(path.parent.parent)
    family = built(told, path)
    average = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    snapshots.check_fit(family.average, average, path)
    whole = {name: t.float() if t.is_floating_point() else t for name, t in average.items()}
    family.average.load_state_dict(whole, assign=True)
    family.average.to(device).eval().requires_grad_(False)
    return Trained(family, path, sha256(path.read_bytes()).hexdigest(), told)


def weights_of(run: str | Path) -> Path:
    known = {family.name: family for family in generators.FAMILIES}
    path = Path(run)
    if str(run) in known:
        path = GENERATOR_WEIGHTS / f"{run}.safetensors"
        if not path.exists():
            raise Refusal(f"{path} is missing; run `make weights`, or give a folder made by `forensics train {run}`")
        return path
    if path.is_file():
        return path
    if path.is_dir():
        snapshots.read_config(path)
        latest = snapshots.latest(path)
        if latest is None:
            raise Refusal(f"{path} has no whole snapshot yet; train on with `forensics train --resume {path}`")
        return latest
    hint = did_you_mean(str(run), known)
    raise Refusal(f"{run}: no such run, weights file or family (families: {', '.join(known)}){hint}")


def told_by_run(run: Path) -> dict[str, Any]:
    """What of a run's config goes with its weights."""
    config = snapshots.read_config(run)
    kept = "family preset config seed corpus photos domain classes batch precision versions".split()
    return {key: config[key] for key in kept if key in config}


def built(told: dict[str, Any], path: Path) -> Family:
    """The family that a header describes, without memory for its weights yet."""
    kind = family_named(str(told.get("family")))
    shape = type(next(iter(kind.presets.values())))
    try:
        with torch.device("meta"):
            return kind(shape(**told["config"]))
    except (TypeError, ValueError, KeyError, RuntimeError, OverflowError, MemoryError) as error:
        raise Refusal(f"{path}: its config is not one of {kind.name}'s ({error})") from None


def export(run: Path, out: Path) -> Path:
    """Write the averaged generator of a run's latest snapshot to one small file: matrices as float16."""
    path = weights_of(run)
    tensors, told = snapshots.read(path)
    prefix = "family.average."
    kept = {name: t for name, t in tensors.items() if name.startswith(prefix)}
    small = {n: t.half() if t.is_floating_point() and t.ndim > 1 else t for n, t in kept.items()}
    out.parent.mkdir(parents=True, exist_ok=True)
    snapshots.save_at_once(small, out, told | told_by_run(Path(run)))
    return out


if __name__ == "__main__":  # python -m generators.trained RUN OUT.safetensors
    if len(sys.argv) != 3:
        sys.exit("usage: python -m generators.trained RUN OUT.safetensors")
    export(Path(sys.argv[1]), Path(sys.argv[2]))
