"""Directions by name: those of files, and those that need no file because they are found when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from forensics.refusal import Refusal
from generators.family import did_you_mean
from generators.latent.direction import Direction
from generators.latent.space import Space
from generators.latent.unsupervised import pca, sefa

ANY = re.compile(r"(sefa|pca)-(\d{1,4})")


class Directions:
    """Those in files, and SeFa's and PCA's, which are found when asked for: "sefa-0", "pca-3".

    Raises Refusal for those of files that are of another w, and for two of one name.
    """

    def __init__(self, space: Space, given: Iterable[Direction] = ()):
        self.space = space
        self.given: dict[str, Direction] = {}
        for direction in given:
            last = space.styled.layers - 1
            if direction.name in self.given:
                raise Refusal(f"two directions are called {direction.name!r}; take one, or rename one")
            if len(direction.vector) != space.styled.width:
                raise Refusal(
                    f"direction {direction.name!r} has {len(direction.vector)} numbers, this generator's w"
                    f" {space.styled.width}; find directions anew with `forensics latent directions`"
                )
            if direction.layers is not None and max(direction.layers) > last:
                raise Refusal(
                    f"direction {direction.name!r} is for layers up to {max(direction.layers)};"
                    f" there are 0 to {last} here"
                )
            self.given[direction.name] = direction

    @property
    def names(self) -> list[str]:
        return list(self.given)

    def __getitem__(self, name: str) -> Direction:
        """Raises Refusal for a name that is neither in a file nor can be found."""
        if name in self.given:
            return self.given[name]
        match = ANY.fullmatch(name)
        if match is None:
            hint = did_you_mean(name, self.given)
            raise Refusal(f"no direction {name!r}; known: {', '.join([*self.names, 'sefa-0', 'pca-0', '...'])}{hint}")
        found = self.by_sefa if match[1] == "sefa" else self.by_pca
        if int(match[2]) >= len(found):
            raise Refusal(
                f"direction {name!r}: {match[1]} finds {len(found)} here, {match[1]}-0 to -{len(found) - 1}"
            )
        return found[int(match[2])]

    @cached_property
    def by_sefa(self) -> list[Direction]:
        return sefa(self.space)

    @cached_property
    def by_pca(self) -> list[Direction]:
        return pca(self.space)
