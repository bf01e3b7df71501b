"""Metadata that explodes: XML, EXIF, colour profiles, text, previews, and what hangs behind a picture."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from forensics import container
from tests.hostile.giants import chunk
from tests.hostile.seeds import coded, profile, scene, seeds, segment

MIB = 2**20


def xml() -> Iterator[tuple[str, bytes]]:
    """XMP packets that no reader should follow to the end."""
    laughs = b"<!ENTITY a0 'ha'>" + b"".join(
        b"<!ENTITY a%d '%s'>" % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 12)
    )
    yield "billion laughs", b"<?xml version='1.0'?><!DOCTYPE x [" + laughs + b"]><x>&a11;</x>"
    yield "entity of the system", b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"
    yield "quadratic entity", b"<!DOCTYPE x [<!ENTITY a '" + b"a" * 30_000 + b"'>]><x>" + b"&a;" * 9_000 + b"</x>"
    yield "deep", b"<a>" * 10_000 + b"</a>" * 10_000
    yield "deeper", b"<a>" * 200_000
    yield "wide", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b"<a/>" * 100_000 + b"</x:xmpmeta>"
    yield "many attributes", b"<a " + b" ".join(b"a%d='1'" % i for i in range(40_000)) + b"/>"
    yield "many names", b"<a " + b" ".join(b"xmlns:a%d='b%d'" % (i, i) for i in range(40_000)) + b"/>"
    yield "long", b"<a b='" + b"x" * 8 * MIB + b"'/>"
    yield "unending declarations", b"<?xpacket begin=''?>" + b"Iptc4xmpExt:DigitalSourceType=" * 30_000
    yield "UTF-16", "<a>trainedAlgorithmicMedia</a>".encode("utf-16")
    yield "no text", bytes(range(256)) * 100


def exif() -> Iterator[tuple[str, bytes]]:
    """TIFF bodies for EXIF, in both byte orders."""
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):

        def entry(*what: int, order=order) -> bytes:
            return struct.pack(f"{order}HHII", *what)

        def body(*entries: bytes, after: int = 0, rest: bytes = b"", count=None, order=order, mark=mark) -> bytes:
            number = struct.pack(f"{order}H", len(entries) if count is None else count)
            return (
                mark
                + struct.pack(f"{order}I", 8)
                + number
                + b"".join(entries)
                + struct.pack(f"{order}I", after)
                + rest
            )

        yield f"{order} directory that follows itself", body(entry(0x112, 3, 1, 1), after=8)
        yield (
            f"{order} directory inside itself",
            body(entry(0x8769, 4, 1, 8), entry(0x8825, 4, 1, 8), entry(0xA005, 4, 1, 8)),
        )
        yield f"{order} 65535 entries of none", body(count=65_535)
        yield f"{order} 5000 entries", body(*(entry(i, 2, 4, i) for i in range(5000)))
        for kind in range(14):
            yield (
                f"{order} 4 billion of type {kind}",
                body(entry(0x10F, kind, 0xFFFFFFFF, 8), entry(0x112, kind, 2**29, 8)),
            )
        yield f"{order} long text", body(entry(0x10F, 2, 60_000, 26), rest=b"A" * 60_000)
        yield f"{order} no rational", body(entry(0x829A, 5, 1, 26), entry(0x11A, 5, 1, 26), rest=bytes(16))
        yield f"{order} orientation of 9", body(entry(0x112, 3, 1, 0x90009))
        yield f"{order} orientation of text", body(entry(0x112, 2, 4, 0x41414141))
        yield (
            f"{order} preview that starts nowhere",
            body(entry(0x201, 4, 1, 2**32 - 1), entry(0x202, 4, 1, 2**32 - 1), after=8),
        )
        yield f"{order} offset beyond the end", mark + struct.pack(f"{order}I", 2**31)
        yield f"{order} cut short", mark


def colour() -> Iterator[tuple[str, bytes]]:
    """Colour profiles, sound ones spoilt."""
    sound = profile()
    yield "empty", b""
    yield "cut short", sound[:200]
    yield "only its head", sound[:128]
    yield "long", sound + bytes(4 * MIB)
    yield "4 billion tags", sound[:128] + b"\xff\xff\xff\xff" + sound[132:]
    yield "1000 tags", sound[:128] + struct.pack(">I", 1000) + sound[132:]
    for at in range(128, len(sound) - 4, 24):
        yield f"4 billion at {at}", sound[:at] + b"\xff\xff\xff\xff" + sound[at + 4 :]
    for at, word in ((16, b"GRAY"), (16, b"CMYK"), (16, b"Lab "), (20, b"RGB "), (12, b"link"), (12, b"nmcl")):
        yield f"{word.decode()} at {at}", sound[:at] + word + sound[at + 4 :]


def metadata() -> Iterator[tuple[str, bytes]]:
    """Each of them in each format that can carry it."""
    picture = scene()
    for name, packet in xml():
        yield f"JPEG XMP, {name}", jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet[:65_000]))
        yield f"PNG XMP, {name}", png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
        yield f"WEBP XMP, {name}", coded(picture, "WEBP", xmp=packet)
        yield f"AVIF XMP, {name}", coded(picture, "AVIF", xmp=packet)
        yield f"TIFF XMP, {name}", coded(picture, "TIFF", tiffinfo={700: packet})
    for name, body in exif():
        yield f"JPEG EXIF, {name}", jpeg_with(segment(0xE1, b"Exif\0\0" + body))
        yield f"PNG EXIF, {name}", png_with(chunk(b"eXIf", body))
        yield f"WEBP EXIF, {name}", coded(picture, "WEBP", exif=b"Exif\0\0" + body)
        yield f"TIFF EXIF, {name}", body
    for name, body in colour():
        yield f"JPEG ICC, {name}", coded(picture, "JPEG", icc_profile=body)
        yield f"PNG ICC, {name}", png_with(chunk(b"iCCP", b"x\0\0" + zlib.compress(body)))
        yield f"TIFF ICC, {name}", coded(picture.convert("CMYK"), "TIFF", icc_profile=body or b"\0")
        yield f"WEBP ICC, {name}", coded(picture, "WEBP", icc_profile=body or b"\0")
    packed = zlib.compress(bytes(100 * MIB))
    yield "PNG zTXt of 100 MiB", png_with(chunk(b"zTXt", b"parameters\0\0" + packed))
    yield "PNG iTXt of 100 MiB", png_with(chunk(b"iTXt", b"parameters\0\1\0\0\0" + packed))
    yield "PNG iCCP of 100 MiB", png_with(chunk(b"iCCP", b"x\0\0" + packed))
    yield "PNG of 50,000 texts", png_with(b"".join(chunk(b"tEXt", b"k%d\0v" % i) for i in range(50_000)))
    yield "PNG of 5 MiB of text", png_with(chunk(b"tEXt", b"parameters\0" + b"{" * 5 * MIB))
    yield "PNG deep JSON", png_with(chunk(b"tEXt", b"prompt\0" + b"[" * 100_000 + b"]" * 100_000))
    yield "JPEG of 60,000 comments", jpeg_with(segment(0xFE, b"x") * 60_000)
    yield "JPEG of 300 EXIF segments", jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(2000)) * 300)
    yield "JPEG APP13 of nothing", jpeg_with(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\xff\xff\xff\xff"))
    yield "JPEG APP2 out of order", jpeg_with(segment(0xE2, b"ICC_PROFILE\0\xff\x01" + bytes(99)) * 20)
    yield "JPEG MPF that leads nowhere", jpeg_with(segment(0xE2, b"MPF\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 200))
    yield (
        "JPEG APP11 of C2PA that is none",
        jpeg_with(segment(0xEB, b"JP\0\1\0\0\0\1" + b"\xff\xff\xff\xffjumb" + b"\0\0\0\x1ejumdc2pa" * 30) * 40),
    )


def jpeg_with(extra: bytes) -> bytes:
    data = coded(scene(), "JPEG")
    return data[:2] + extra + data[2:]


def png_with(extra: bytes) -> bytes:
    data = coded(scene(), "PNG")
    return data[:33] + extra + data[33:]


def polyglots() -> Iterator[tuple[str, bytes]]:
    """Pictures that are something else too."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("../../etc/passwd", bytes(5 * MIB))
    page = b"<html><script>alert(1)</script></html>"
    for name, data in seeds().items():
        form = name.split()[0]
        yield f"{form} with a ZIP behind, {name}", data + archive.getvalue()
        yield f"{form} with a page behind, {name}", data + page * 500
        yield f"{form} in a page, {name}", page + data
        yield f"{form} behind a ZIP, {name}", archive.getvalue() + data
        yield f"{form} twice, {name}", data + data
    tail = b"\xff\xd8" + b"\xff" * 3 * MIB
    yield "JPEG with fill bytes behind", seeds()["JPEG baseline"] + tail
    yield "JPEG with a film behind", seeds()["JPEG baseline"] + struct.pack(">I", 24) + b"ftypmp42" + bytes(2 * MIB)
    yield "PNG named as JPEG", container.PNG_MAGIC + seeds()["JPEG baseline"]
    for head in (
        b"\xff\xd8\xff",
        container.PNG_MAGIC,
        b"RIFF\xff\xff\xff\xffWEBP",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"MM\0*",
    ):
        yield f"{head[:4]!r} and zeros", head + bytes(5000)
        yield f"{head[:4]!r} and ones", head + b"\xff" * 5000
    for brand in (b"avif", b"avis", b"heic", b"mif1", b"hevc"):
        yield f"ISO {brand.decode()} and zeros", b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + b"mif1" + bytes(3000)
        deep = b"".join(struct.pack(">I4sI", 12 * (3000 - i), b"meta", 0) for i in range(3000))
        yield f"ISO {brand.decode()} of boxes in boxes", b"\0\0\0\x18ftyp" + brand + bytes(4) + brand + b"mif1" + deep
    yield "empty", b""
    yield "one byte", b"\xff"
