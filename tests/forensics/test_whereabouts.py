"""Where a photo was taken: read from EXIF, coarse until asked, and never in what is shown of the metadata."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from forensics.photo import Photo
from forensics.shown import metadata
from forensics.whereabouts import KEPT_BACK, Place, place, without_place


def jpeg(gps: dict[int, object]) -> bytes:
    image, buffer, exif = Image.new("RGB", (8, 8)), io.BytesIO(), Image.Exif()
    exif[0x8825] = gps
    exif[0x010F] = "Maker"
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


PARIS = {1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.2)}


def test_a_place_is_read_and_told_coarsely():
    found = place(jpeg(PARIS))
    assert found.words() == "48.9° N, 2.3° E"
    assert found.words(5) == "48.85822° N, 2.29450° E"
    assert place(jpeg({**PARIS, 1: "S", 3: "W"})).words() == "48.9° S, 2.3° W"


@pytest.mark.parametrize(
    "gps",
    [{}, {1: "N"}, {2: (1.0, 2.0, 3.0)}, {**PARIS, 2: (99.0, 0.0, 0.0)}, {**PARIS, 4: (float(10**9), 0.0, 0.0)}],
)
def test_what_is_no_place_is_none(gps):
    assert place(jpeg(gps)) is None


@pytest.mark.parametrize("data", [b"", b"hello", jpeg(PARIS)[:40], jpeg(PARIS).replace(b"Exif", b"Exxx")])
def test_broken_files_have_no_place(data):
    assert place(data) is None


def test_the_equator_is_not_minus_nothing():
    assert Place(-0.01, -0.02).words() == "0.0° N, 0.0° E"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("XML:com.adobe.xmp", '<rdf:Description exif:GPSLatitude="48,51.4937N" exif:GPSLongitude="2,17.67E"/>'),
        ("XML:com.adobe.xmp", "<exif:GPSLatitude>48,51.4937N</exif:GPSLatitude>"),
        ("XML:com.adobe.xmp", "<exif:GPSLatitude><![CDATA[48,51.4937N]]></exif:GPSLatitude>"),
        ("comment", "GPSLatitude: 48,51.4937"),
        ("json", '{"latitude": "48,51.4937"}'),
        ("json", '{"latitude": 48,51.4937}'),
        ("exif:GPSLatitude", "48/1, 51.4937"),
        ("Latitude", "48, 51.4937"),
        ("Raw profile type exif", "\nexif\n 120\n34382c35312e34393337"),
    ],
)
def test_places_in_text_are_kept_back(key, value):
    shown = without_place(key, value)
    assert "51.4937" not in shown
    assert "34382c35312e34393337" not in shown


def test_other_text_is_left_alone():
    for text in ("Steps: 20, Seed: 7", "<xmp:CreatorTool>GIMP</xmp:CreatorTool>", "a latte in a plateau"):
        assert without_place("parameters", text) == text


def test_shown_metadata_holds_no_place():
    text, buffer = PngImagePlugin.PngInfo(), io.BytesIO()
    text.add_text("GPSPosition", "48.8582 2.2945")
    text.add_itxt("XML:com.adobe.xmp", '<x exif:GPSLatitude="48.8582"/>')
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, "PNG", pnginfo=text)
    shown = dict(metadata(Photo.open(buffer.getvalue())))
    assert shown["Text GPSPosition"] == KEPT_BACK
    assert "48.8582" not in str(shown)
    exif = dict(metadata(Photo.open(jpeg(PARIS))))
    assert exif == {"EXIF Make": "Maker"}
