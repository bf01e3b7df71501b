"""`forensics inspect` on what people really pass: bad files among good ones, read by machines."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from app.cli import app
from forensics.report import schema


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


@pytest.fixture
def bad(tmp_path, portrait_file) -> dict[str, Path]:
    """Each bad file, by what its reason must mention."""
    data = portrait_file.read_bytes()
    files = {
        "text.jpg": b"no picture at all\n",
        "empty.jpg": b"",
        "short.jpg": data[: len(data) // 2],
        "huge.png": png_header(60_000, 60_000),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.jpg").mkdir()
    return {name: tmp_path / name for name in (*files, "folder.jpg")}


def test_bad_files_get_a_reason_and_the_portrait_its_verdict(bad, portrait_file):
    result = CliRunner().invoke(app, ["inspect", *map(str, bad.values()), str(portrait_file), "--json", "-"])
    assert result.exit_code == 2, result.output
    reports = json.loads(result.stdout)  # nothing else is on standard output
    jsonschema.validate(reports, schema())
    assert [Path(report["file"]).name for report in reports] == [*bad, portrait_file.name]
    reasons = {Path(report["file"]).name: report["reason"] for report in reports[:-1]}
    for report in reports[:-1]:
        assert report["status"] == "unreadable"
        assert report["conclusion"] is None
        assert report["evidence"] == []
    assert all(len(reason) > 10 for reason in reasons.values())
    assert len(set(reasons.values())) == len(reasons), "one reason does not explain five troubles"
    assert "megapixels" in reasons["huge.png"]
    assert "folder" in reasons["folder.jpg"]
    portrait = reports[-1]
    assert (portrait["status"], portrait["reason"]) == ("ok", None)
    assert portrait["conclusion"]
    assert portrait["words"]
    assert {"credentials", "spectrum", "eyes", "classifier"} <= {e["detector"] for e in portrait["evidence"]}
    assert "log10 LR" in result.stderr  # the table, for people


@pytest.fixture
def stand_ins(examiners, monkeypatch):
    """In place of the panel, where it does not matter who is asked."""
    monkeypatch.setattr("detectors.load_examiners", lambda folder: examiners)


def test_all_readable_is_exit_code_0(stand_ins, portrait_file, tmp_path):
    out, pages = tmp_path / "new" / "r.json", tmp_path / "pages"
    result = CliRunner().invoke(app, ["inspect", str(portrait_file), "--json", str(out), "--html", str(pages)])
    assert result.exit_code == 0, result.output
    jsonschema.validate(json.loads(out.read_text()), schema())
    assert [page.suffix for page in pages.iterdir()] == [".html"]
    assert [path.name for path in out.parent.iterdir()] == ["r.json"]


def test_stability_tells_how_many_re_postings_agree(stand_ins, portrait_file, tmp_path, bad):
    files = [str(portrait_file), str(bad["text.jpg"])]
    pages = tmp_path / "new"
    result = CliRunner().invoke(app, ["inspect", *files, "--stability", "--json", "-", "--html", str(pages)])
    assert result.exit_code == 2, result.output
    reports = json.loads(result.stdout)
    jsonschema.validate(reports, schema())
    portrait, unreadable = reports
    assert len(portrait["stability"]["copies"]) == 12
    assert f"{portrait['stability']['agree']} of 12 re-postings agree" in portrait["words"]
    assert "of 12" in result.stderr  # the table, for people
    assert "stability" not in unreadable
    assert any("After re-posting" in page.read_text() for page in pages.iterdir())
