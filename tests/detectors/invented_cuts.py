"""Cuts of faces that never were: noise that is smooth, and stripes on what is fake."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from detectors.classifier.cuts import Cut, Cuts


def cuts_of(folder: Path, sources: list[tuple[str, str, str, int, float, bool]], pattern: bool = True) -> Cuts:
    """Cuts without photos: (label, maker, domain, count, side, spills) each. Fakes carry fine stripes."""
    rng = np.random.default_rng(0)
    rows, offset = [], 0
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "cuts.bin", "wb") as file:
        for label, maker, domain, count, side, spills in sources:
            for number in range(count):
                size = int(side * 1.25)
                smooth = np.cumsum(rng.normal(0, 4, (size, size, 3)), 0) + rng.uniform(60, 190)
                if label == "fake" and pattern:
                    smooth += 30 * (np.arange(size) // 3 % 2)[None, :, None]
                pixels = np.clip(smooth, 0, 255).astype(np.uint8)
                file.write(pixels.tobytes())
                a, b = (size - side) / 2, (size + side) / 2
                corners = ((a, a), (a, b), (b, b), (b, a))
                name = f"{maker}-{domain}-{number}"
                box = (a, a, b, b)
                rows.append(
                    Cut(name, label, maker, domain, name, offset, size, size, corners, box, float(side), spills)
                )
                offset += pixels.size
    return Cuts(folder, rows, {"no face found": 3})


def of_four_sources(folder: Path) -> Cuts:
    return cuts_of(
        folder,
        [
            ("real", "camera", "web", 40, 40, True),
            ("real", "camera", "portraits", 8, 60, False),
            ("fake", "gan", "faces", 16, 50, False),
            ("fake", "diffusion", "faces", 4, 64, False),
        ],
    )
