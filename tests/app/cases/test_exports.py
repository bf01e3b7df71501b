"""What is taken along of a case: the same record in JSON, HTML and PDF, and no place unless it is asked for."""

from __future__ import annotations

import io
import json
import re

import jsonschema
import pytest
from PIL import ExifTags, Image

from app.cases import changes
from app.cases.case import Own
from app.cases.dossier import Dossier, as_json
from app.cases.html import as_html
from app.cases.pdf import as_pdf
from app.cases.sheet import legible
from app.cases.store import Store
from forensics.report import schema
from forensics.reread import reread

HOSTILE = "</template></main><script>alert(1)</script>\u202e\x7f & 'a' 中文 ![x](http://evil.example/x)"
NOTE = f"first line\n\n{HOSTILE}\n{'x' * 300}"
FORMS = {"json": lambda d: as_json(d).encode(), "html": lambda d: as_html(d).encode(), "pdf": as_pdf}


def located() -> bytes:
    """A photo that says where it was taken: 48.858370° N, 2.294481° W."""
    exif = Image.Exif()
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (48.0, 51.0, 30.132), 3: "W", 4: (2.0, 17.0, 40.1316)}
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 150)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def dossier(tmp_path, made) -> Dossier:
    from forensics.shown import page_of

    store = Store.open(str(tmp_path / "c.sqlite"))
    report = made.report(located(), f"{HOSTILE}.jpg")
    number, _ = changes.save(store, "ana <b>", located(), report.as_dict(), page_of(report))
    changes.note(store, "ben", number, NOTE, 1)
    changes.conclude(store, "ben", number, Own.UNDECIDED, HOSTILE, 2)
    found = Dossier.of(store, number)
    assert found.with_place(store).place == "48.858370° N, 2.294481° W"
    return found


@pytest.mark.parametrize("form", FORMS)
def test_the_record_comes_back_from_each_form(dossier, tmp_path, form):
    path = tmp_path / f"case.{form}"
    path.write_bytes(FORMS[form](dossier))
    read = reread(path)
    assert read.report == json.loads(dossier.case.record)
    jsonschema.validate([read.report], schema())
    assert read.entries == dossier.entries
    assert read.case["notes"] == dossier.case.notes
    assert read.case["own_reason"] == HOSTILE


def readable(form: str, data: bytes) -> str:
    """All text of an export; the words of a PDF's pages as well as what is attached to it."""
    if form != "pdf":
        return data.decode()
    import zlib

    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.S)
    inflated = [zlib.decompress(s) if s[:1] == b"x" else s for s in streams]
    return "\n".join(part.decode("latin-1") for part in [data, *inflated])


@pytest.mark.parametrize("form", FORMS)
def test_no_place_is_told_unless_it_is_asked_for(dossier, form):
    for told in ("GPS", "48.85", "2.2944", "30.132"):
        assert told not in readable(form, FORMS[form](dossier))


@pytest.mark.parametrize("form", FORMS)
def test_the_place_is_told_when_it_is_asked_for(dossier, tmp_path, form):
    placed = Dossier.with_place(dossier, Store.open(str(tmp_path / "c.sqlite")))
    assert "48.858370" in readable(form, FORMS[form](placed))


def test_the_html_holds_what_was_written_as_text(dossier):
    page = as_html(dossier)
    assert "<script" not in page
    assert "\u202e" not in page
    assert page.count("</template>") == 1
    assert page.count("</main>") == 1
    for text in (
        "first line",
        "It cannot be decided.",
        "saved",
        "noted",
        "Is it bright?",
        "The log holds",
        "ana &lt;b&gt;",
    ):
        assert text in page
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)


def test_the_pdf_is_whole_and_its_pictures_are_in_it(dossier):
    data = as_pdf(dossier)
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert data.count(b"/Subtype /Image") >= 2  # the photo and an exhibit
    assert b"/EmbeddedFile" in data
    assert b"/JavaScript" not in data
    assert b"http" not in re.sub(rb"stream.*?endstream", b"", data, flags=re.S)
    assert b"DejaVu" in data


@pytest.mark.parametrize("name", ["\u202e\u2066.jpg", "עברית.png", "🙂.png", "\ud800", "a\0b", "\x1b[31m"])
def test_what_cannot_be_drawn_is_named(name):
    assert all(character.isprintable() for character in legible(name))
    assert "⟨U+" in legible(name)


def test_a_broken_log_is_told_in_every_form(dossier, tmp_path):
    from sqlalchemy import text

    store = Store.open(str(tmp_path / "c.sqlite"))
    with store.changing() as link:
        link.execute(text("UPDATE forensics_log SET who = 'x' WHERE number = 2"))
    broken = Dossier.of(store, 1)
    for form in ("json", "html"):
        assert "The log is broken at entry 2" in FORMS[form](broken).decode()
    assert as_pdf(broken)


def test_an_unreadable_file_has_its_exports_too(tmp_path, made):
    from forensics.shown import page_of

    store = Store.open(str(tmp_path / "u.sqlite"))
    report = made.report(b"no picture", "text.jpg")
    number, _ = changes.save(store, "ana", b"no picture", report.as_dict(), page_of(report))
    found = Dossier.of(store, number).with_place(store)
    for form, make in FORMS.items():
        path = tmp_path / f"u.{form}"
        path.write_bytes(make(found))
        assert reread(path).report["status"] == "unreadable"
