"""A file is there whole or not at all."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from forensics.refusal import Refusal
from forensics.saving import Unwritable, at_once, write_at_once


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    with at_once(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_was_there_stays_when_writing_fails(tmp_path):
    path = tmp_path / "a.txt"
    write_at_once(path, "before – ü")
    with pytest.raises(ZeroDivisionError), at_once(path) as part:
        part.write_text(str(1 / 0))
    assert path.read_text(encoding="utf-8") == "before – ü"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.fixture
def full(tmp_path) -> Path:
    """A name that is written to a device without room first."""
    (tmp_path / "a.txt").write_text("before")
    (tmp_path / "a.txt.part").symlink_to("/dev/full")
    return tmp_path / "a.txt"


def by_rust(part: Path) -> None:
    """As its libraries say what the system said: without a number that Python would know."""
    save_file({"x": np.zeros(4)}, part.parent / "no" / "folder.safetensors")


@pytest.mark.parametrize("write", [lambda part: part.write_text("after"), lambda part: part.write_bytes(b"x" * 99)])
def test_a_full_disk_is_one_line_and_an_error_of_the_system(full, write):
    with pytest.raises(Refusal, match=r"No space left on device.*make room there") as refused, at_once(full) as part:
        write(part)
    assert str(full) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, OSError)
    assert refused.value.strerror == "No space left on device"
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)
    assert full.read_text() == "before"
    assert [p.name for p in full.parent.iterdir()] == ["a.txt"]


def test_what_a_library_in_rust_is_told_is_understood(tmp_path):
    with pytest.raises(Unwritable, match="No such file or directory"), at_once(tmp_path / "a") as part:
        by_rust(part)


def test_an_error_that_is_not_of_this_file_stays_what_it_was(tmp_path):
    with pytest.raises(FileNotFoundError), at_once(tmp_path / "a") as part:
        part.write_text(Path(tmp_path / "another").read_text())
    with pytest.raises(TimeoutError), at_once(tmp_path / "a"):
        raise TimeoutError(os.strerror(110))
    assert not list(tmp_path.iterdir())
