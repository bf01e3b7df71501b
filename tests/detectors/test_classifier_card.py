"""The classifier's card counts what was shown, and survives weights and measurements that say little."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.classifier import network as networks
from detectors.classifier.card import card, photos_of
from detectors.classifier.cuts import Cut, Cuts
from detectors.classifier.network import Network, NetworkConfig
from detectors.classifier.sampling import Sampler, SamplingConfig
from forensics.corpus import Corpus, Entry

PHOTOS = {
    "shown": {"fake: gan": 1273, "real: web": 30, "real: faces": 40},
    "kept_aside": {"real: web": 7},
    "too_few": {"real: scenes": 9},
}
SCORED = {"gan": ("fake", [1.0, 2.0, 0.5, -1.0]), "web": ("real", [-1.0, -2.0, 0.1])}


@pytest.fixture
def corpora() -> list[Corpus]:
    entries = [Entry(f"{i}.png", "real", "camera", "web", split="train", licence="CC0") for i in range(55)]
    return [Corpus(Path("c"), (*entries, Entry("f.png", "fake", "gan", split="train")))]


def weights(folder: Path, about: dict) -> Path:
    path = folder / "classifier.safetensors"
    networks.save(Network(NetworkConfig(size=64, depth=2, hidden=8)), path, about)
    return path


def test_it_tells_what_was_shown(tmp_path, corpora):
    about = {"photos": PHOTOS, "start": "random weights", "date": "2026-01-01", "step": 6}
    text = card(weights(tmp_path, about), "ab" * 32, corpora, SCORED)
    assert "real faces 40, web 30; generated gan 1,273." in text
    assert "Kept aside to watch progress: real web 7." in text
    assert "never shown: real scenes 9." in text
    assert "55" not in text
    assert "| gan | 4 | 0.8" in text or "| gan | 4 | 0.9" in text
    assert "| web | 3 | 33.3%" in text


def test_weights_that_say_nothing(tmp_path, corpora):
    text = card(weights(tmp_path, {}), "ab" * 32, corpora, SCORED)
    assert "Photos in the training split" in text
    assert "real web 55; generated gan 1." in text
    assert "Started from unknown weights" in text


def test_no_real_or_no_generated_photo_was_scored(tmp_path, corpora):
    path = weights(tmp_path, {"photos": PHOTOS})
    assert "No real photo was scored" in card(path, "0", corpora, {"gan": SCORED["gan"]})
    assert "No generated photo was scored" in card(path, "0", corpora, {"web": SCORED["web"]})
    assert "|---" not in card(path, "0", corpora, {})


def test_sources_with_too_few_faces_are_not_counted_as_shown(tmp_path):
    def rows(label: str, name: str, n: int, side: float = 40.0) -> list[Cut]:
        corners, box = ((0, 0), (0, 9), (9, 9), (9, 0)), (0, 0, 9, 9)
        maker, domain = ("camera", name) if label == "real" else (name, "faces")
        return [Cut(f"{name}{i}", label, maker, domain, "g", 0, 9, 9, corners, box, side, False) for i in range(n)]

    (tmp_path / "cuts.bin").write_bytes(b"\0" * 243)
    shown = (
        rows("real", "web", 6) + rows("real", "web", 2, side=8.0) + rows("real", "scenes", 3) + rows("fake", "gan", 5)
    )
    held = rows("real", "web", 2) + rows("real", "scenes", 2) + rows("real", "phones", 1)
    sampler = Sampler(
        Cuts(tmp_path, shown, {}), SamplingConfig(smallest=16, largest=64, least=4), NetworkConfig(size=32)
    )
    assert photos_of(sampler, held) == {
        "shown": {"fake: gan": 5, "real: web": 6},
        "kept_aside": {"real: web": 2},
        "too_few": {"real: phones": 1, "real: scenes": 5},
    }
