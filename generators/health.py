"""Is the training well? At every snapshot: are the samples diverse, do they rotate, is the discriminator useful?

Diversity is the mean distance between pairs of samples in a named feature space, beside that of as many photos.
Mode collapse is low diversity; where samples come in a few kinds, only nearest pairs are alike. Rotation, its
restless form, is when the same latents' pictures are alike at every snapshot but are others each time (Metz et al.
2017, "Unrolled Generative Adversarial Networks", figure 2): their centre moves further than they lie apart.

That is about a generator and its discriminator. Autoencoders have none: there low diversity is blur, or codes that
the decoder does not heed (posterior collapse: Bowman et al. 2016, "Generating Sentences from a Continuous Space").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from forensics import features
from forensics.features import FeatureSpace
from generators.family import Family

SAMPLES = 32  # pictures, and photos, that are compared
GRACE = 20_000  # images: before that, samples are noise or the average is still at the start
COLLAPSED = 0.3  # diversity, as a share of the photos'
ALIKE = 0.6  # below this share, moving as a whole is rotation
TURNS = 3  # snapshots in a row
SURE = 0.99  # share of pictures that a discriminator tells rightly
BLIND = 1.03  # shares of photos and fakes told rightly, together: 1 is guessing; good trainings had 1.06 and more


@dataclass(frozen=True)
class Thumbnails:
    """Pictures as 8x8 thumbnails: for those too small for a network. A `FeatureSpace`."""

    name: str = "pixels-8px"
    dims: int = 192

    def __call__(self, images: Tensor) -> Tensor:
        images = features.as_square(images, 8)  # (N, 3, 8, 8)
        return F.interpolate(images, (8, 8), mode="area").flatten(1)  # (N, 192)


def space_for(size: tuple[int, int], device: torch.device | str = "cpu") -> FeatureSpace:
    """What sees samples of this size: the shipped network from 32 px on."""
    return features.shipped(str(device)) if min(size) >= 32 else Thumbnails()


def spread(points: Tensor) -> float:
    """Mean distance between pairs of (N, D) points."""
    return float(torch.pdist(points.double()).mean())


def nearest(points: Tensor) -> float:
    """Mean distance of (N, D) points to the nearest other one."""
    apart = torch.cdist(points.double(), points.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return float(apart.fill_diagonal_(torch.inf).min(1).values.mean())


class Health:
    """Compares a run's samples with its photos, and with those of the snapshot before."""

    def __init__(self, photos: Tensor, space: FeatureSpace):
        """`photos`: as many as there will be samples, (N, C, H, W) in [-1, 1]."""
        self.space = space
        real = self.points(photos)
        self.real, self.real_nearest = spread(real), nearest(real)
        self.before: Tensor | None = None  # features of the last snapshot's samples
        self.turns = 0  # snapshots in a row whose samples moved as a whole

    def resume(self, samples: Tensor | None, rows: Sequence[Mapping[str, Any]]) -> None:
        """Go on after the snapshot that `samples` are of, if they are known; `rows`: of all snapshots in the log."""
        self.before = None if samples is None else self.points(samples)
        for row in rows:
            self.turns = self.turns + 1 if rotating(row.get("diversity", 1), row.get("moved", 0)) else 0

    def examine(self, samples: Tensor) -> dict[str, float]:
        """Measures of a snapshot's samples (of the same latents each time), (N, C, H, W).

        `diversity`: mean distance of pairs, `nearest`: of nearest pairs, both as a share of the photos'; `moved`:
        how far their centre went since the snapshot before, in mean distances of pairs.
        """
        points = self.points(samples)
        apart = spread(points)
        found = {
            "diversity": round(apart / max(self.real, 1e-12), 4),
            "nearest": round(nearest(points) / max(self.real_nearest, 1e-12), 4),
        }
        if self.before is not None:
            found["moved"] = round(float((points - self.before).mean(0).norm()) / max(apart, 1e-12), 4)
        self.turns = self.turns + 1 if rotating(found["diversity"], found.get("moved", 0)) else 0
        self.before = points
        return found

    def points(self, images: Tensor) -> Tensor:
        """(N, C, H, W) in [-1, 1] → (N, D). Of 2 channels, luma and alpha, the first is seen."""
        return self.space(images[:, :1] if images.shape[1] == 2 else images)

    def warnings(self, found: Mapping[str, float], means: Mapping[str, float], images_seen: int) -> list[str]:
        """What a person should be warned of. `means`: of the phases' measures since the snapshot before, by which
        a family with a discriminator, phase D, is known.
        """
        if images_seen < GRACE:
            return []
        alike = f"samples differ {found['diversity']:.0%} as much as photos do (in {self.space.name})"
        if not any(name.startswith("D ") for name in means):
            return self.of_codes(found, alike)
        said = []
        if self.turns >= TURNS:
            said.append(
                f"mode rotation: {alike}, and for {self.turns} snapshots they were others as a whole each time. "
                "The generator chases the discriminator; try a lower lr, R1 (gamma), or minibatch statistics"
            )
        elif found["diversity"] < COLLAPSED:
            said.append(
                f"mode collapse: {alike}. The generator found a few pictures that pass; "
                "try another seed, stronger R1 (gamma), minibatch statistics, or augmentation"
            )
        elif found["nearest"] < COLLAPSED:
            said.append(
                f"partial mode collapse: {alike} as a whole, but the nearest ones only {found['nearest']:.0%}: they "
                "come in a few kinds. Try stronger R1 (gamma), minibatch statistics, or augmentation"
            )
        real, fake = means.get("D real"), means.get("D fake")
        if real is None or fake is None:
            return said
        told = f"since the last snapshot it told {real:.1%} of photos and {fake:.1%} of fakes rightly"
        if min(real, fake) > SURE:
            said.append(
                f"one-sided discriminator: {told}, so the generator learns little. It is too strong or knows the "
                "photos by heart; try augmentation, more photos, stronger R1 (gamma), or a lower lr for it"
            )
        elif max(real, fake) > SURE and min(real, fake) < 1 - SURE:
            calls = "a photo" if real > fake else "a fake"
            said.append(
                f"one-sided discriminator: {told}: it calls everything {calls} and teaches nothing; lower its lr"
            )
        elif real + fake < BLIND:
            said.append(
                f"blind discriminator: {told}, as if it guessed. Where samples do not look like photos yet, it has "
                "learned nothing: lower the lr, or R1 (gamma)"
            )
        return said

    def of_codes(self, found: Mapping[str, float], alike: str) -> list[str]:
        """Of pictures that a decoder makes and no discriminator judges."""
        if self.turns >= TURNS:
            return [
                f"restless samples: {alike}, and for {self.turns} snapshots they were others as a whole each time. "
                "Learning jumps; try a lower lr"
            ]
        if min(found["diversity"], found["nearest"]) >= COLLAPSED:
            return []
        if found["diversity"] >= COLLAPSED:
            alike += f" as a whole, but the nearest ones only {found['nearest']:.0%}"
        return [
            f"low diversity: {alike}. Blur, as pixel errors average over what they cannot know; or posterior "
            "collapse, where a VAE's codes are not used. Try a lower beta or deviation, more latents, or longer "
            "training"
        ]


def rotating(diversity: float, moved: float) -> bool:
    return diversity < ALIKE and moved > 1


def not_finite(family: Family) -> str | None:
    """The name of a weight that is NaN or infinite, if there is one."""
    for name, tensor in family.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return name
    return None
