"""`forensics`, run as it is typed, in this process."""

from __future__ import annotations

import sys
from functools import cache

import pytest
import typer.main

from app import cli

commands = cache(typer.main.get_command)  # as many options as ours take longer to build than to refuse


def typed(words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> tuple[int, str]:
    """Exit code, and what is on standard error."""
    with monkeypatch.context() as patch:
        patch.setattr(typer.main, "get_command", commands)
        patch.setattr(sys, "argv", ["forensics", *words])
        try:
            cli.main()
        except SystemExit as exit_:
            return exit_.code or 0, capfd.readouterr().err.strip()
    raise AssertionError("typer always exits")
