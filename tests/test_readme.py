"""What the README tells a newcomer to type exists."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

import pytest
from typer.main import get_command

from app.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
FORENSICS = get_command(app)
MAKEFILE = (ROOT / "Makefile").read_text()
BLOCKS = "\n".join(re.findall(r"```(?:sh|bash|console)?\n(.*?)```", README, re.DOTALL))
MAKES = sorted(set(re.findall(r"^\s*make ([a-z]+)", BLOCKS, re.MULTILINE)))
COMMANDS = sorted({tuple(c.split()) for c in re.findall(r"forensics((?: [a-z]+(?:-[a-z]+)*){1,2})", BLOCKS)})


@cache
def help_of(words: tuple[str, ...]) -> tuple[int, str]:
    """Exit code, and what is said; in this process, since one of its own takes half a second to start."""
    with redirect_stdout(StringIO()) as said, pytest.raises(SystemExit) as left:
        FORENSICS([*words, "--help"])
    return left.value.code, said.getvalue()


def help_of_either(words: tuple[str, ...]) -> tuple[int, str]:
    """`forensics train dcgan`: the second word may be an argument; the first must be a command."""
    code, said = help_of(words)
    return help_of(words[:1]) if code else (code, said)


@pytest.mark.parametrize("target", MAKES)
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_exist(words):
    code, said = help_of_either(words)
    assert code == 0
    assert words[0] in said


def test_options_in_the_readme_exist():
    for line in re.findall(r"forensics (.+)", BLOCKS):
        words = line.split("#")[0].split()
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        command = tuple(word for word in words[:2] if re.fullmatch("[a-z][a-z-]*", word))
        _, said = help_of_either(command)
        for option in options:
            assert option in said, f"{option} in: forensics {line}"


def test_there_is_something_to_check():
    assert {"inspect", "test"} <= set(MAKES)
    assert ("inspect",) in {words[:1] for words in COMMANDS}


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:|#)([^)#]+)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
