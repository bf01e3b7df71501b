"""A package with plug-ins, as an installer leaves it: its module, and metadata that declares its detectors."""

from __future__ import annotations

from pathlib import Path

LOUD = '''
"""Detectors of somebody else."""
from forensics.evidence import Evidence

class Loud:
    """Scores how red a picture is."""
    name = "loud"
    question = "Is it red?"
    threshold = 0.5
    weights = "f" * 64

    @classmethod
    def load(cls, weights):
        return cls()

    def examine(self, photo):
        return Evidence("loud", float(photo.pixels[..., 0].mean()) / 255, "It is as red as it is.")
'''


def package(
    folder: Path, module: str = "acme_red", source: str = LOUD, entries: str = "", version: str = "1.2"
) -> Path:
    """Into `folder`, which must be on the path to be found. entries: lines NAME = MODULE:CLASS, `loud` by default."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    for name, text in metadata(module, entries or f"loud = {module}:Loud", version).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def metadata(module: str, entries: str, version: str) -> dict[str, str]:
    told = f"{module}-{version}.dist-info"
    return {
        f"{told}/METADATA": f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: {version}\n",
        f"{told}/entry_points.txt": f"[forensics.detectors]\n{entries}\n",
    }
