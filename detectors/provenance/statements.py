"""Everything a file says of itself in words, as one flat list: EXIF, text chunks, XMP, IPTC, hidden PNG text.

Only read here; what it means is for `marks`. XMP is parsed with defusedxml: no entities, no DTD, no
network. Bounds: `MAX_XMP` bytes, `MAX_STATEMENTS` statements, `MAX_TEXT` characters each.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from forensics.container import iptc_fields, photoshop_resources, walk
from forensics.photo import FORMATS, MAX_TEXT, Photo

MAX_XMP = 4 * 2**20
MAX_STATEMENTS = 5000
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
IPTC_NAMES = {40: "SpecialInstructions", 65: "OriginatingProgram", 80: "By-line", 110: "Credit", 115: "Source"}


@dataclass(frozen=True)
class Statement:
    """One name and value. `space`: the namespace address of an XMP property, else ""."""

    where: str  # "EXIF", "text", "XMP", "IPTC", "hidden text"
    key: str
    value: str
    space: str = ""


@dataclass(frozen=True)
class Statements:
    """`unreadable`: what was there and could not be read, in words for people."""

    found: tuple[Statement, ...]
    unreadable: tuple[str, ...]


def statements(photo: Photo) -> Statements:
    """All of a photo's statements, in the order EXIF, text, XMP, IPTC, hidden text."""
    found = [Statement("EXIF", key, value) for key, value in photo.exif.items() if value]
    found += [Statement("text", k, v[:MAX_TEXT]) for k, v in photo.text.items() if k != "XML:com.adobe.xmp"]
    unreadable: list[str] = []
    if photo.xmp.strip(b"\0 \r\n\t"):
        try:
            found += xmp_properties(photo.xmp)
        except Exception as error:  # malformed XML, entities, a DTD, or too much of it
            unreadable.append(f"unreadable XMP ({type(error).__name__})")
    found += iptc(photo)
    found += hidden_text(photo)
    return Statements(tuple(found[:MAX_STATEMENTS]), tuple(unreadable))


def xmp_properties(xmp: bytes) -> list[Statement]:
    """Properties of an XMP packet (ISO 16684-1), in element, attribute, rdf:resource and container form.

    Raises `ValueError` when it is too long and whatever the parser raises on XML that is not well-formed.
    """
    from defusedxml.ElementTree import fromstring

    if len(xmp) > MAX_XMP:
        raise ValueError(f"XMP of {len(xmp)} bytes")
    found: list[Statement] = []
    stack = [(fromstring(xmp.strip(b"\0 \r\n\t"), forbid_dtd=True), "", "")]
    while stack and len(found) < MAX_STATEMENTS:
        element, space, key = stack.pop()
        own_space, own_key = split(element.tag)
        if own_space not in (RDF, "adobe:ns:meta/"):  # rdf:Seq, rdf:li and the like keep their property's name
            space, key = own_space, own_key
        text = (element.text or "").strip()
        if text and key:
            found.append(Statement("XMP", key, text[:MAX_TEXT], space))
        for name, value in element.attrib.items():
            attribute_space, attribute = split(name)
            if attribute_space == RDF and attribute == "resource" and key:
                found.append(Statement("XMP", key, value[:MAX_TEXT], space))
            elif attribute_space not in (RDF, XML, ""):
                found.append(Statement("XMP", attribute, value[:MAX_TEXT], attribute_space))
        stack += [(child, space, key) for child in reversed(element)]
    return found


def split(name: object) -> tuple[str, str]:
    """ElementTree's "{namespace}name"; comments and processing instructions have no name."""
    if not isinstance(name, str):
        return "", ""
    space, _, local = name.rpartition("}")
    return space.removeprefix("{"), local


def iptc(photo: Photo) -> Iterator[Statement]:
    """IPTC-IIM fields of a JPEG that name who or what made it."""
    walked = walk(photo.data) if photo.format in ("JPEG", "MPO") else None
    for segment in walked.of("APP13") if walked else ():
        for number, content in photoshop_resources(segment.payload):
            for record, dataset, value in iptc_fields(content) if number == 0x0404 else ():
                if record == 2 and dataset in IPTC_NAMES:
                    yield Statement("IPTC", IPTC_NAMES[dataset], value.decode("utf-8", "replace")[:MAX_TEXT])


def hidden_text(photo: Photo) -> Iterator[Statement]:
    """ "Stealth PNG info": settings in the lowest bit of alpha, column by column, after a 15-byte signature.

    Format: sd-webui-stealth-pnginfo; NovelAI writes it too. 4 bytes count the bits that follow.
    """
    if photo.format not in ("PNG", "WEBP") or photo.mode != "RGBA" or photo.width * photo.height < 152:
        return
    try:
        with Image.open(io.BytesIO(photo.data), formats=FORMATS) as image:
            columns = -(-(152 + 8 * MAX_TEXT) // image.height)  # as many as the longest text can fill
            alpha = np.asarray(image.crop((0, 0, min(columns, image.width), image.height)).getchannel("A"))
    except Exception:  # it did decode once; a second failure is no statement
        return
    bits = alpha.T & 1
    head = np.packbits(bits[: 152 // bits.shape[1] + 1].reshape(-1)[:152]).tobytes()
    if head[:15] not in (b"stealth_pnginfo", b"stealth_pngcomp"):
        return
    count = min(int.from_bytes(head[15:19], "big"), 8 * MAX_TEXT)
    content = np.packbits(bits.reshape(-1)[152 : 152 + count]).tobytes()
    if head[:15] == b"stealth_pngcomp":
        try:
            content = zlib.decompressobj(31).decompress(content, MAX_TEXT)
        except zlib.error:
            content = b""
    yield Statement("hidden text", "stealth_pnginfo", content.decode("utf-8", "replace"))
