"""Bodies that are no photo by their form, and file names that are no names: told as such, never a mistake of ours."""

from __future__ import annotations

import pytest

from tests.app.service.served import photo

PART = 'Content-Disposition: form-data; name="{}"; filename="{}"'


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return (
        b"".join(
            b"--b\r\n" + head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + data + b"\r\n"
            for head, data in parts
        )
        + end
    )


@pytest.mark.parametrize(
    ("kind", "body", "status", "word"),
    [
        ("text/html", b"<p>", 415, "type"),
        ("application/x-www-form-urlencoded", b"photo=x", 415, "type"),
        ("application/json", b"{}", 415, "type"),
        ("multipart/form-data", form((PART.format("photo", "a"), b"x")), 400, "boundary"),
        ("multipart/form-data; boundary=" + "b" * 1000, b"x", 400, "damaged"),
        ("multipart/form-data; boundary=b", b"", 400, "damaged"),
        ("multipart/form-data; boundary=b", b"rubbish", 400, "damaged"),
        ("multipart/form-data; boundary=b", form(), 400, ""),
        ("multipart/form-data; boundary=b", form((PART.format("photo", "a"), b"x"), end=b""), 400, "too early"),
        ("multipart/form-data; boundary=b", form((PART.format("file", "a"), b"x")), 400, "named photo"),
        ("multipart/form-data; boundary=b", form(("X: y", b"x")), 400, "named photo"),
        ("multipart/form-data; boundary=b", form(*[(PART.format("photo", "a"), b"x")] * 2), 400, "one photo"),
        ("multipart/form-data; boundary=b", form((PART.format("photo", "a" * 1001), b"x")), 400, "shorter"),
        (
            "multipart/form-data; boundary=b",
            form(*[(f"{PART.format('photo', 'a')}\r\nX: {'y' * 9000}", b"")]),
            400,
            "",
        ),
    ],
)
def test_what_is_no_photo_by_its_form(small, kind, body, status, word):
    got = small.client.post("/inspect", content=body, headers={"Content-Type": kind})
    assert got.status_code == status, got.text
    assert word in got.json()["detail"]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "a\0b", "/dev/zero", "{0.__class__}"]
)
def test_a_name_is_only_text(small, name):
    got = small.post(photo(), name=name)
    assert got.status_code == 200
    assert got.json()["file"] == name


def test_a_name_that_is_no_text_keeps_its_bytes_readable(small):
    body = form(('Content-Disposition: form-data; name="photo"; filename="a\udcff"', photo()))
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    assert small.client.post("/inspect", content=body, headers=kind).json()["file"] == r"a\xff"


def test_without_a_name_it_is_called_photo(small):
    assert small.post(photo()).json()["file"] == "photo"
    assert small.client.post("/inspect", content=photo()).json()["file"] == "photo"  # without a type, too


@pytest.mark.parametrize("asked", [{"stability": "perhaps"}, {"stabilty": "true"}, {"name": "a" * 1001}])
def test_what_may_be_asked(small, asked):
    got = small.post(photo(), **asked)
    assert got.status_code == 400
    assert "stability=true" in got.json()["detail"]
