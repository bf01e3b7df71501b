"""What cannot be done is answered with one line and exit code 2, through the same door as `forensics`."""

from __future__ import annotations

import sys

import pytest

from app import cli


@pytest.fixture
def forensics(monkeypatch, capfd):
    """Run `forensics` with these words: its exit code, and standard error."""

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
