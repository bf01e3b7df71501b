"""A file is there whole or not at all."""

from __future__ import annotations

import pytest

from forensics.saving import at_once, write_at_once


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
