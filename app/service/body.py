"""A photo out of a request's body, raw or in a form. Read piece by piece: what is over the limit is never kept."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.service.limits import LONGEST_NAME
from app.service.problems import Problem

FIELD = "photo"
FORM = "multipart/form-data"
RAW = ("application/octet-stream", "image/*")
FRAME = 64 * 1024  # bytes that a form may have beside its photo
HOW = f"send the photo's bytes as {' or '.join(RAW)}, or a form ({FORM}) with one file named {FIELD}"


@dataclass(frozen=True)
class Upload:
    """`name` is what the sender calls the file: a text that opens nothing; None if it has none."""

    name: str | None
    data: bytes = field(repr=False)


async def received(request: Request, most: int) -> Upload:
    """Raises Problem for a body that is too large, or no photo by its type."""
    kind = request.headers.get("content-type") or RAW[0]
    main = kind.partition(";")[0].strip().lower()
    if main == FORM:
        return await from_form(request, kind, most)
    if main != RAW[0] and not main.startswith("image/"):
        raise Problem(415, f"the body's type is not one that is read; {HOW}")
    await refuse_announced(request, most, most)
    kept = Kept(most)
    async for piece in request.stream():
        kept.add(piece)
    return Upload(None, kept.bytes)


async def from_form(request: Request, kind: str, most: int) -> Upload:
    await refuse_announced(request, most + FRAME, most)
    form, total = Form(kind, most), 0
    async for piece in request.stream():
        total += len(piece)
        if total > most + FRAME:
            raise too_large(most)
        form.read(piece)
    return form.upload()


async def refuse_announced(request: Request, most: int, told: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise too_large(told)


def too_large(most: int) -> Problem:
    return Problem(413, f"the photo is over {most:,} bytes, the most that this service takes")


class Kept:
    """Bytes, of which there are at most `most`."""

    def __init__(self, most: int):
        self.most, self._buffer = most, io.BytesIO()

    def add(self, piece: bytes) -> None:
        if self._buffer.tell() + len(piece) > self.most:
            raise too_large(self.most)
        self._buffer.write(piece)

    @property
    def bytes(self) -> bytes:
        return self._buffer.getvalue()  # shares the buffer's memory: not a second copy


class Form:
    """A form that holds one photo, and nothing else."""

    def __init__(self, kind: str, most: int):
        self.kept, self.photos, self.ended, self.name = Kept(most), 0, False, None
        self._header, self._value, self._disposition = b"", b"", b""
        callbacks = {
            "on_header_field": self._on_header,
            "on_header_value": self._on_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_part,
            "on_part_data": lambda data, start, end: self.kept.add(data[start:end]),
            "on_end": self._on_end,
        }
        boundary = parse_options_header(kind)[1].get(b"boundary")
        if not boundary:
            raise Problem(400, "the form does not say what bounds its parts (boundary=…)")
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError:
            raise broken() from None

    def read(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except FormParserError:
            raise broken() from None

    def upload(self) -> Upload:
        if not self.ended:
            raise broken()
        if not self.photos:
            raise Problem(400, f"the form holds no file; {HOW}")
        return Upload(self.name or None, self.kept.bytes)

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_part(self) -> None:
        options = parse_options_header(self._disposition)[1]
        self._disposition = b""
        self.photos += 1
        if options.get(b"name") != FIELD.encode() or self.photos > 1:
            raise Problem(400, f"the form holds something else than one photo; {HOW}")
        self.name = options.get(b"filename", b"").decode("utf-8", "backslashreplace")
        if len(self.name) > LONGEST_NAME:
            raise Problem(400, f"the file's name is over {LONGEST_NAME:,} characters; send a shorter one")

    def _on_end(self) -> None:
        self.ended = True


def broken() -> Problem:
    return Problem(400, f"the form is damaged or ends too early; {HOW}")
