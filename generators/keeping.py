"""What happens at a snapshot: it is saved, samples are drawn, measured, and looked at for what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forensics.features import features_of
from forensics.fidelity import Cloud, frechet
from generators import snapshots
from generators.descent import Descent
from generators.family import Family
from generators.grids import GRID, draw_grid, draw_reconstructions, samples
from generators.health import SAMPLES, Health, not_finite, space_for
from generators.photos import Photos
from generators.plan import Plan
from generators.snapshots import Place
from generators.step import as_batch
from generators.trained import told_by_run
from generators.watching import Watch

SCORED = 1024  # photos, and pictures, of the FID-like score


class Keeper:
    """Keeps the snapshots of one run; one process does, of all that train together."""

    def __init__(
        self, family: Family, optimisers: Mapping[str, Descent], photos: Photos, plan: Plan, out: Path, watch: Watch
    ):
        self.family, self.optimisers, self.photos = family, optimisers, photos
        self.plan, self.out, self.watch = plan, out, watch
        self.about = told_by_run(out)
        self.space = space_for(family.size, next(family.parameters()).device)
        self.health = Health(self.some_photos(SAMPLES), self.space)

    def resume(self, rows: Sequence[Mapping[str, Any]], place: Place, path: Path) -> None:
        """Go on after a snapshot that was just loaded; `rows` are the log's up to there.

        Where the run was killed before its snapshot was drawn and measured, that is made up for.
        """
        rows = [row for row in rows if "snapshot" in row]
        if rows and rows[-1]["step"] == place.step:
            self.health.resume(self.pictures()[:SAMPLES], rows)
        else:
            self.health.resume(None, rows)
            self.tell(place, path)

    def keep(self, place: Place) -> None:
        """Save, draw, measure, warn. Raises Refusal where weights are not numbers; then nothing is saved."""
        if name := not_finite(self.family):
            raise self.watch.diverged(place, f"{name} is not finite")
        path = snapshots.save(self.out, self.family, self.optimisers, place, self.about)
        found = self.tell(place, path)
        means = self.watch.since_snapshot.take()
        self.watch.warn(place, [*self.health.warnings(found, means, place.images_seen), *self.family.warnings()])

    def tell(self, place: Place, path: Path) -> dict[str, float]:
        """Draw and measure a snapshot's samples; what was found."""
        pictures, grid = self.pictures(), self.out / "samples" / f"{path.stem}.png"
        draw_grid(pictures, grid)
        if self.family.reconstructs:
            draw_reconstructions(self.family, self.some_photos(4 * GRID), self.out / "reconstructions" / grid.name)
        found = self.health.examine(pictures[:SAMPLES])
        if self.plan.metric == "fid-like":
            found |= {"fid-like": self.fid_like(), "n": min(SCORED, len(self.photos))}
        self.watch.snapshot(place, path, {"space": self.space.name, **found}, grid)
        return found

    def pictures(self) -> Tensor:
        """Those of the grid, (64, C, H, W)."""
        return torch.cat(list(samples(self.family, self.photos.labels)))

    def some_photos(self, n: int) -> Tensor:
        """The first n photos in an order of their own, (n, C, H, W)."""
        return as_batch(self.family, *self.photos.batch(0, 0, n)).images

    @cached_property
    def real(self) -> Cloud:
        """Features of the photos that scores compare with."""
        n = min(SCORED, len(self.photos))
        parts = self.some_photos(n).split(64)
        return Cloud.of(features_of(parts, self.space))

    def fid_like(self) -> float:
        """Fréchet distance between as many pictures as photos, in the space that is named beside it."""
        drawn = samples(self.family, self.photos.labels, self.real.n, seed=1)
        return round(frechet(self.real, Cloud.of(features_of(drawn, self.space))), 4)
