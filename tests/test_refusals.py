"""What cannot be done is answered with one line and exit code 2, through the same door as `forensics`."""

from __future__ import annotations

import shutil
import sys
from functools import cache

import pytest
import typer.main

from app import cli

commands = cache(typer.main.get_command)  # as many options as ours take longer to build than to refuse


@pytest.fixture
def forensics(monkeypatch, capfd):
    """Run `forensics` with these words: its exit code, and standard error."""

    monkeypatch.setattr(typer.main, "get_command", commands)

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["forensics", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return exit_.value.code, capfd.readouterr().err.strip()  # progress leaves an empty line

    return run


@pytest.mark.parametrize(
    "words",
    [
        ("inspect", "x.jpg", "--panel", "/tmp/[/bold]"),
        ("scan", "[/x]"),
        ("corpus", "prepare", "[/x]", "runs/nowhere"),
        ("forge", "[/x]", "--out", "runs/nowhere"),
        ("export", "[/x]", "runs/nowhere.safetensors"),
        ("convert", "[/x]", "runs/nowhere.pt"),
        ("detector", "calibrate", "[/x]"),
        ("bench", "detection", "--real", "[/x]", "--fake", "[/x]"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_name_that_looks_like_markup_is_only_a_name(forensics, words):
    code, said = forensics(*words)
    assert code == 2
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert "[/" in said


def test_a_name_cannot_steer_the_terminal(forensics):
    code, said = forensics("scan", "a\x1b[31m\nb :smile:")
    assert code == 2
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1
    assert ":smile:" in said


@pytest.fixture(scope="module")
def source(tmp_path_factory, portrait_file):
    folder = tmp_path_factory.mktemp("source")
    shutil.copyfile(portrait_file, folder / "portrait.jpg")
    return folder


@pytest.mark.parametrize("place", ["FILE", "FILE/below", "/proc", "/proc/below", "LONG", "DANGLING"])
@pytest.mark.parametrize(
    "words",
    [
        "inspect PHOTO --html OUT",
        "inspect PHOTO --json OUT/r.json",
        "scan SRC --out OUT/r.parquet",
        "corpus prepare SRC OUT",
        "train dcgan --data SRC --kimg 1 --out OUT",
        "forge dcgan --seeds 0 --out OUT",
        "export dcgan OUT/w.safetensors",
        "convert stylegan2 OUT/w.pt",
        "detector train --real SRC --fake SRC --out OUT",
        "bench detection --real SRC --fake SRC --out OUT",
        "bench throughput --photos 1 --out OUT",
    ],
    ids=lambda words: words.split(" --")[0],
)
def test_an_unusable_place_is_refused_before_the_work(forensics, monkeypatch, source, tmp_path, words, place):
    monkeypatch.setattr("forensics.inspection.inspect_file", lambda *_: pytest.fail("examined, and then lost"))
    file = tmp_path / "file"
    file.write_text("kept")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere" / "at all")
    place = place.replace("FILE", str(file)).replace("LONG", "x" * 300).replace("DANGLING", str(dangling))
    words = words.replace("OUT", place).replace("PHOTO", str(source / "portrait.jpg")).replace("SRC", str(source))
    code, said = forensics(*words.split())
    assert code == 2, said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert place in said
    assert file.read_text() == "kept"


def test_json_goes_to_a_file_only(forensics, monkeypatch, source, tmp_path):
    monkeypatch.setattr("forensics.inspection.inspect_file", lambda *_: pytest.fail("examined, and then lost"))
    for place in (tmp_path, "/dev/null"):
        code, said = forensics("inspect", source / "portrait.jpg", "--json", place)
        assert code == 2
        assert len(said.splitlines()) == 1
        assert str(place) in said


@pytest.mark.parametrize("option", ["--kimg", "--snap"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "0", "-1"])
def test_training_lasts_a_number_above_0(forensics, source, tmp_path, option, value):
    given = {"--kimg": "1", "--snap": "1", option: value, "--data": source, "--out": tmp_path / "run"}
    code, said = forensics("train", "dcgan", *(word for pair in given.items() for word in pair))
    assert code == 2
    assert said.startswith(f"error: {option} ")
    assert not (tmp_path / "run").exists()
