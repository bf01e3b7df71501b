"""A run of `detector train` is continued by the call that began it; another call changes nothing in it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.classifier.descent import TINY
from detectors.training import corpora_of, read_config, refuse_another, save_config, train
from forensics.corpus import Corpus
from forensics.refusal import Refusal


def pictures(folder: Path, rng: np.random.Generator, label: str) -> Corpus:
    folder.mkdir()
    for number in range(8):
        Image.fromarray(rng.integers(0, 255, (20, 20, 3), np.uint8)).save(folder / f"{number}.png")
    return Corpus.open(folder, label)


@pytest.fixture
def corpora(tmp_path, rng) -> list[Corpus]:
    return [pictures(tmp_path / name, rng, name[:4]) for name in ("real", "fake", "real2")]


@pytest.fixture
def learnt(tmp_path, corpora) -> Path:
    """A folder as a run leaves it; only the contents of config.json matter."""
    real, fake, _ = corpora
    out = tmp_path / "run"
    save_config(out, [real], [fake], {"classifier": asdict(TINY), "init": "start.safetensors"})
    for name in ("checkpoint.safetensors", "classifier.safetensors", "spectrum.safetensors", "spectrum.json"):
        (out / name).write_bytes(b"learnt")
    (out / "cuts").mkdir()
    (out / "cuts" / "cuts.jsonl").write_text("{}\n")
    return out


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


INIT = Path("start.safetensors")


@pytest.mark.parametrize(
    ("pick", "config", "init", "why"),
    [
        ((0, 1), replace(TINY, rate=0.5, seed=3), INIT, "another rate, seed; use another --out"),
        ((0, 1), replace(TINY, network=replace(TINY.network, size=96)), INIT, "another network"),
        ((2, 1), TINY, INIT, "other real photos"),
        ((0, 2), TINY, INIT, "other fake photos"),
        ((0, 1), TINY, None, "began with --init start.safetensors"),
        ((0, 1), TINY, Path("other.safetensors"), "began with --init start.safetensors"),
    ],
)
def test_another_run_is_refused_before_anything_is_written(learnt, corpora, pick, config, init, why):
    real, fake = (corpora[i] for i in pick)
    if fake is corpora[2]:
        fake = Corpus.open(fake.root, "fake")
    before = contents(learnt)
    with pytest.raises(Refusal, match=why) as refusal:
        train([real], [fake], learnt, config, init)
    assert "\n" not in str(refusal.value)
    assert contents(learnt) == before


def test_a_longer_run_and_a_run_without_weights_are_not_refused(learnt, corpora):
    real, fake, other = corpora
    longer = asdict(replace(TINY, steps=99, validate=9, shown=2))
    refuse_another(learnt, [real], [fake], {"classifier": longer, "init": "./start.safetensors"})
    (learnt / "checkpoint.safetensors").unlink()  # refused for too few photos, say: more may be brought
    refuse_another(learnt, [real, other], [fake], {"classifier": asdict(replace(TINY, seed=2)), "init": None})
    larger = asdict(replace(TINY, network=replace(TINY.network, min_face=48)))
    with pytest.raises(Refusal, match="another network"):
        refuse_another(learnt, [real], [fake], {"classifier": larger, "init": None})


def test_photos_that_changed_are_other_photos(learnt, corpora):
    real, fake, _ = corpora
    (real.root / "3.png").write_bytes((real.root / "4.png").read_bytes())
    with pytest.raises(Refusal, match="other real photos"):
        train([Corpus.open(real.root)], [fake], learnt, TINY, INIT)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"real": 1, "fake": [], "corpora": {}}', "\xff"])
def test_a_config_that_is_none_is_refused(learnt, text):
    (learnt / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(Refusal, match=r"config\.json is not of a run"):
        read_config(learnt)
    with pytest.raises(Refusal, match=r"config\.json is not of a run"):
        corpora_of(learnt)
