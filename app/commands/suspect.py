"""One of our generators as `detectors.known` asks for it: any module, its latents, its framing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.refusal import Refusal

if TYPE_CHECKING:
    from detectors.known.suspect import Suspect
    from generators.trained import Trained


def suspect_of(trained: Trained, framing: float, rows: bool = False) -> Suspect:
    """In w where the family has one, else in z. `rows`: a w for each layer ("w+").

    Raises Refusal where it does not draw colour photos of a square, and for rows where there is no w.
    """
    import torch
    from torch import nn

    from detectors.known.suspect import Suspect
    from generators.latent.space import Space
    from generators.styled import Styled

    family, average = trained.family, trained.family.average
    (high, wide), labels = family.size, len(trained.classes)
    if trained.channels != 3 or high != wide:
        raise Refusal(f"{trained.weights} draws {wide}x{high} px, {trained.channels} channels; only square RGB fits")
    styled = isinstance(family, Styled)
    if rows:
        _ = Space(trained).styled

    class Drawing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.average = average

        def forward(self, latents: torch.Tensor) -> torch.Tensor:
            if not styled:
                return average(latents)
            return family.paint(latents if rows else latents[:, None].expand(-1, family.layers, -1))

    def draw(count: int, rng: torch.Generator) -> torch.Tensor:
        z = family.draw(count, rng).to(family.device)
        if not styled:
            return z
        given = None
        if labels:
            kinds = torch.randint(labels, (count,), generator=rng)
            given = nn.functional.one_hot(kinds, labels).float().to(family.device)
        with torch.no_grad():
            w = family.to_w(z, given)
        return w if rows else w[:, 0]

    return Suspect(Drawing(), family.config.latent, high, family.name, draw, framing)
