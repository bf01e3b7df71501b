"""What ships: weights of every family, small, each with a card that is about this very file, and they forge.

Nothing here is skipped or expected to fail: a family without weights is a failure.
"""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from app.weights import FIGURE, TRAININGS
from benchmarks.lineage.scores import SCORES, Scores
from forensics import features
from forensics.places import GENERATOR_WEIGHTS
from generators import FAMILIES, snapshots
from generators.trained import Trained, load

EACH, TOGETHER = 8_000_000, 60_000_000  # bytes


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda kind: kind.name)
def trained(request) -> Trained:
    path = GENERATOR_WEIGHTS / f"{request.param.name}.safetensors"
    assert path.exists(), f"{path} is missing: make weights"
    return load(request.param.name)


def test_small_in_halves_and_of_its_family(trained):
    assert trained.weights.stat().st_size <= EACH
    assert trained.weights == GENERATOR_WEIGHTS / f"{trained.family.name}.safetensors"
    tensors, _ = snapshots.read(trained.weights)
    assert all(t.dtype != torch.float32 for t in tensors.values() if t.ndim > 1)


def test_its_card_is_about_this_file(trained):
    card = (GENERATOR_WEIGHTS / f"{trained.family.name}.md").read_text()
    assert trained.sha256 in card, "the card tells of another file; bring it up to date"
    assert trained.told["corpus"] in card
    assert "non-commercial research" in card


def test_it_forges(trained):
    first, again, other = (trained.picture(seed) for seed in (0, 0, 1))
    assert first.shape == (*trained.family.size, 3)
    assert (first == again).all()
    assert abs(first.astype(int) - other).mean() > 4  # grey levels: other seeds, other faces
    assert first.std() > 20


def test_it_was_trained_as_make_weights_would(trained):
    how = next(training for training in TRAININGS if training.family == trained.family.name)
    seen = pytest.approx(trained.told["images_seen"] / 1000, rel=0.05)
    rows = [(row.preset, row.kimg) for row in (how.cpu, how.gpu)]
    assert (trained.told["preset"], seen) in rows


def test_all_are_there_with_their_cards_and_nothing_else_and_all_is_light():
    files = sorted(GENERATOR_WEIGHTS.glob("*.safetensors"), key=lambda path: path.stem)
    names = sorted(kind.name for kind in FAMILIES)
    assert [path.stem for path in files] == names
    assert sorted(path.stem for path in GENERATOR_WEIGHTS.glob("*.md")) == names
    assert all(path.stat().st_size <= EACH for path in files)
    assert sum(path.stat().st_size for path in files) <= TOGETHER


def test_the_figure_and_its_scores_are_of_these_weights():
    assert SCORES.exists(), f"{SCORES} is missing: forensics lineage --data CORPUS"
    scores = Scores.load(SCORES)
    for kind in FAMILIES:
        assert scores.score(load(kind.name)), f"{kind.name} was not scored: forensics lineage --data CORPUS"
    assert scores.space == features.EffNetLite0.name
    assert scores.n >= 1000
    assert FIGURE.stat().st_size <= 400_000
    with Image.open(FIGURE) as figure:
        assert figure.width > figure.height
