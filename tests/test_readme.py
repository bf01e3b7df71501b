"""What the README tells a newcomer to type exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
BLOCKS = "\n".join(re.findall(r"```(?:sh|bash|console)?\n(.*?)```", README, re.DOTALL))
MAKES = sorted(set(re.findall(r"^\s*make ([a-z]+)", BLOCKS, re.MULTILINE)))
COMMANDS = sorted({tuple(c.split()) for c in re.findall(r"forensics((?: [a-z]+){1,2})", BLOCKS)})


def help_of(words: list[str]) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "app.cli", *words, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", MAKES)
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_exist(words):
    """`forensics train dcgan`: the second word may be an argument; the first must be a command."""
    answer = help_of(list(words))
    if answer.returncode:
        answer = help_of(list(words[:1]))
    assert answer.returncode == 0, answer.stderr


def test_options_in_the_readme_exist():
    for line in re.findall(r"forensics (.+)", BLOCKS):
        words = line.split("#")[0].split()
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        command = [word for word in words[:2] if re.fullmatch("[a-z][a-z-]*", word)]
        answer = help_of(command)
        if answer.returncode:
            answer = help_of(command[:1])
        for option in options:
            assert option in answer.stdout, f"{option} in: forensics {line}"


def test_there_is_something_to_check():
    assert {"inspect", "test"} <= set(MAKES)
    assert ("inspect",) in {words[:1] for words in COMMANDS}


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:|#)([^)#]+)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
