"""A trained generator, ready to make pictures: from a run, an exported file, or what ships with us."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

import generators
from forensics.carded import check_card
from forensics.places import GENERATOR_WEIGHTS
from forensics.refusal import Refusal
from forensics.tensors import to_pictures, to_tensor
from forensics.threads import one_thread
from generators import snapshots
from generators.family import Family, did_you_mean, family_named
from generators.interop.painting import painter
from generators.interop.reading import is_theirs
from generators.replay import Replay

AVERAGE = "family.average."  # how the names of the tensors begin that make pictures


@dataclass(frozen=True)
class Trained:
    """A family with the weights that make pictures, and where they come from."""

    family: Family
    weights: Path
    sha256: str  # of the weights file
    told: dict[str, Any]  # family, preset, config, domain, images_seen, corpus, ...
    replays: dict[float, Replay[torch.Tensor]] = field(default_factory=dict, compare=False, repr=False)

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
        z, row = self.latent(seed), self.row(seed, label)
        return self.drawn(lambda: self.sampling(truncation)(z, row))

    def latent(self, seed: int) -> torch.Tensor:
        """A seed's z, (1, Z)."""
        return self.family.draw(1, torch.Generator().manual_seed(seed)).to(self.family.device)

    def row(self, seed: int, label: int | None = None) -> torch.Tensor | None:
        """The label, (1, K), of a seed's picture; None where there are no classes. Raises Refusal for one there."""
        if not self.classes:
            if label is not None:
                raise Refusal(f"{self.family.name} has no classes; leave the label away")
            return None
        row = torch.zeros(1, len(self.classes), device=self.family.device)
        row[0, self.label_of(seed) if label is None else label] = 1
        return row

    def drawn(self, make: Callable[[], torch.Tensor]) -> np.ndarray:
        """What `make` gives, (1, C, H, W), made alone → (H, W, C) uint8, C as `channels`."""
        return to_pictures(self.alone(make))[0, :, :, : self.channels]  # grey comes threefold

    def alone(self, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """What `make` gives, without gradients, on the CPU in one thread."""
        with torch.no_grad(), one_thread() if self.family.device.type == "cpu" else nullcontext():
            return make()

    def sampling(self, truncation: float) -> Replay[torch.Tensor]:
        """`family.sample` at a truncation; on a GPU, its launches replayed."""
        if truncation not in self.replays:
            self.replays[truncation] = Replay(lambda z, labels: self.family.sample(z, labels, truncation))
        return self.replays[truncation]

    def redrawn(self, pixels: np.ndarray) -> np.ndarray:
        """What the generator makes of a photo, (H, W, C) uint8 → the same, C as `channels`.

        Of the family's size, or of any where it has a stride: the border is mirrored up to a multiple.
        Alone and in one thread, as `picture`. Raises Refusal as `Family.reconstruct` does.
        """
        high, wide = pixels.shape[:2]
        stride = self.family.stride or 1
        around = ((0, -high % stride), (0, -wide % stride), (0, 0))
        images = to_tensor([np.pad(pixels, around, "symmetric")]).to(self.family.device)  # (1, C, H', W')
        return self.drawn(lambda: self.family.reconstruct(images))[:high, :wide]

    def label_of(self, seed: int) -> int:
        """The class of a seed whose class was not chosen: each as likely."""
        return int(np.random.default_rng(seed).integers(len(self.classes)))


def load(run: str | Path, device: str = "cpu") -> Trained:
    """What `run` names: a family's shipped weights ("dcgan"), a folder of `forensics train`, an exported file, or
    a file of NVIDIA's or rosinality's code (interop).

    Raises Refusal for anything else. Nothing in a file is run, and no network is built larger than its file.
    """
    path = weights_of(run)
    digest = sha256(path.read_bytes()).hexdigest()
    if path.resolve().parent == GENERATOR_WEIGHTS:
        check_card(path, digest)
    if is_theirs(path):
        family, told = painter(path)
    else:
        average, told = opened(path)
        family = built(told, path)
        snapshots.check_fit(family.average, average, path)
        whole = {name: t.float() if t.is_floating_point() else t for name, t in average.items()}
        family.average.load_state_dict(whole, assign=True)
    family.average.to(device).eval().requires_grad_(False)
    return Trained(family, path, digest, told)


def opened(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The averaged generator's tensors in a snapshot or an exported file, and what is told of it.

    Raises Refusal for a file that is none of ours, damaged, or does not tell its settings.
    """
    tensors, told = snapshots.read(path, AVERAGE)
    if not tensors:
        raise Refusal(f"{path} holds no generator of ours; give a folder made by `forensics train` or its export")
    if path.parent.name == "snapshots" and "config" not in told:  # from before snapshots told it themselves
        told |= told_by_run(path.parent.parent)
    if "config" not in told:
        raise Refusal(f"{path} does not tell its settings, as early snapshots do not; give the folder of its run")
    return {name.removeprefix(AVERAGE): tensor for name, tensor in tensors.items()}, told


def weights_of(run: str | Path) -> Path:
    """The file that `run` names; a `Path` is never taken for a family's name."""
    known = {family.name: family for family in generators.FAMILIES}
    path = Path(run)
    if run in known:
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
    """Write the averaged generator of a run's latest snapshot, or of one snapshot, to one small file.

    Matrices become float16, but for those that it cannot hold. Raises Refusal as `load` does, for a family's name
    in place of a run, and for an `out` among the run's snapshots, which would be the newest of them.
    """
    if not run.exists():
        raise Refusal(f"{run}: no such run; give a folder made by `forensics train`, or one of its snapshots")
    path = weights_of(run)
    among = path.resolve().parent.name == "snapshots" and out.resolve().parent == path.resolve().parent
    if among or out.resolve() == path.resolve():
        raise Refusal(f"{out} is, or would be taken for, a snapshot of the run; choose another place for the export")
    average, told = opened(path)
    snapshots.check_fit(built(told, path).average, average, path)
    small = {AVERAGE + name: halved(t) for name, t in average.items()}
    told.pop("scales", None)  # of a training that goes on
    out.parent.mkdir(parents=True, exist_ok=True)
    snapshots.save_at_once(small, out, told)
    return out


def halved(tensor: torch.Tensor) -> torch.Tensor:
    """A matrix as float16, unless a number in it is too large; all others as they are."""
    if not tensor.is_floating_point() or tensor.ndim < 2:
        return tensor
    half = tensor.half()
    return half if snapshots.finite(half) else tensor
