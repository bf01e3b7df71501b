"""JPEG histories: files saved here in known ways, and camera originals."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detectors.structure.jpeg import JpegHistory
from detectors.structure.tables import libjpeg, nearest
from detectors.structure.thumbnail import embedded
from forensics.photo import Photo

HISTORY = JpegHistory.load(None)
MAKE, MODEL, SOFTWARE = 0x010F, 0x0110, 0x0131


def scene(width=96, height=64, seed=0) -> Image.Image:
    """A smooth picture with structure that survives a preview."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 9, 3), dtype=np.uint8))
    return coarse.resize((width, height), Image.Resampling.BICUBIC)


def saved(image: Image.Image | None = None, **options) -> bytes:
    buffer = io.BytesIO()
    (image or scene()).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def examine(data: bytes):
    return HISTORY.examine(Photo.open(data))


def tags(values: dict[int, str]) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in values.items():
        exif[tag] = value
    return exif


def with_preview(image: Image.Image, small: Image.Image, order: str = ">") -> bytes:
    """A JPEG whose EXIF holds `small` as its preview."""
    coded = saved(small, quality=90)
    first = struct.pack(f"{order}HI", 0, 14)  # an empty IFD0, then IFD1 at 14
    start = 14 + 2 + 2 * 12 + 4
    entries = struct.pack(f"{order}HHIIHHII", 0x0201, 4, 1, start, 0x0202, 4, 1, len(coded))
    second = struct.pack(f"{order}H", 2) + entries + struct.pack(f"{order}I", 0)
    mark = b"MM\0*" if order == ">" else b"II*\0"
    tiff = mark + struct.pack(f"{order}I", 8) + first + second + coded
    return saved(image, exif=b"Exif\0\0" + tiff)


# ---- tables ----


@pytest.mark.parametrize("quality", range(1, 101))
def test_pillow_s_tables_are_libjpeg_s(quality):
    tables = Photo.open(saved(quality=quality)).jpeg.tables
    assert np.array_equal(tables[0], libjpeg(quality)[0])
    assert np.array_equal(tables[1], libjpeg(quality)[1])
    fit = nearest(tables)
    assert (fit.quality, fit.exact) == (quality, True)


def test_a_grey_picture_has_one_table():
    evidence = examine(saved(scene().convert("L"), quality=90))
    assert "grey, 1 table: exactly the standard's tables as libjpeg writes them at quality 90." in evidence.finding


def test_other_tables_are_custom_and_near_to_something():
    flat = [[9] * 64, [12] * 64]
    evidence = examine(saved(qtables=flat))
    assert "custom tables" in evidence.finding
    assert nearest([np.full((8, 8), 9), np.full((8, 8), 12)]).luminance > 0.1
    mixed = [libjpeg(80)[0].reshape(-1).tolist(), [12] * 64]
    assert "luminance as libjpeg at quality 80, chrominance of its own" in examine(saved(qtables=mixed)).finding
    step = libjpeg(80)[0].copy()
    step[3, 3] += 1
    near = [step.reshape(-1).tolist(), libjpeg(80)[1].reshape(-1).tolist()]
    assert "nearly libjpeg's at quality 80" in examine(saved(qtables=near)).finding


@pytest.mark.parametrize(("subsampling", "words"), [(0, "chroma 4:4:4"), (1, "chroma 4:2:2"), (2, "chroma 4:2:0")])
def test_subsampling_and_scans(subsampling, words):
    assert examine(saved(subsampling=subsampling)).finding.startswith(f"Baseline JPEG, {words}, 2 tables")
    assert examine(saved(subsampling=subsampling, progressive=True)).finding.startswith("Progressive JPEG")


def test_the_exhibit_shows_the_tables():
    shown = examine(saved(quality=50)).exhibit
    assert shown.dtype == np.uint8
    assert 850 <= shown.shape[1] <= 950
    grey = examine(saved(scene().convert("L"), quality=50)).exhibit
    assert grey.shape[1] < shown.shape[1]
    assert not np.array_equal(shown, examine(saved(quality=90)).exhibit)


# ---- EXIF held against it ----


def test_an_editor_in_exif():
    both = examine(saved(exif=tags({MAKE: "Canon", MODEL: "Canon EOS 40D", SOFTWARE: "GIMP 2.10"})))
    assert (
        "EXIF names the camera Canon EOS 40D and the editor GIMP 2.10: saved again since the camera." in both.finding
    )
    assert any("anyone can write" in caveat for caveat in both.caveats)
    assert "EXIF names the editor" in examine(saved(exif=tags({SOFTWARE: "Adobe Photoshop 25.0"}))).finding


def test_a_camera_in_exif():
    camera = tags({MODEL: "NIKON D70"})
    assert "software that saves again writes such tables" in examine(saved(quality=90, exif=camera)).finding
    assert "cameras write baseline: saved again" in examine(saved(exif=camera, progressive=True)).finding
    own = [list(range(3, 67)), list(range(4, 68))]
    assert "the tables don't speak against it" in examine(saved(qtables=own, exif=camera)).finding


def test_exif_s_size_against_the_picture_s():
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA002: 4000, 0xA003: 3000})
    assert "EXIF gives 4000×3000 px, the picture has 96×64" in examine(saved(exif=exif)).finding
    exif.get_ifd(0x8769).update({0xA002: 64, 0xA003: 96})  # turned, as orientation may have it
    assert "resized" not in examine(saved(exif=exif)).finding


@pytest.mark.parametrize("order", ["<", ">"])
def test_previews(order):
    image = scene(480, 320)
    same = examine(with_preview(image, image.resize((120, 80)), order))
    assert "preview" not in same.finding
    turned = examine(with_preview(image, image.resize((120, 80)).rotate(90, expand=True), order))
    assert "preview" not in turned.finding
    barred = Image.new("RGB", (160, 120))
    barred.paste(image.resize((160, 107)), (0, 6))
    assert "preview" not in examine(with_preview(image, barred, order)).finding
    other = examine(with_preview(image, scene(120, 80, seed=5), order))
    assert "The EXIF preview (120×80) does not look like the picture" in other.finding
    cut = examine(with_preview(image.crop((30, 0, 450, 320)), image.resize((120, 80)), order))
    assert "another shape" in cut.finding or "does not look like" in cut.finding


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"Exif\0\0MM\0*\0\0\0\x08", b"Exif\0\0II*\0\x08\0\0\0"]))
def test_damaged_previews_never_raise(noise, head):
    assert embedded(head + noise) is None or b"\xff\xd8" in noise


def test_photoshop_s_own_quality():
    resource = b"8BIM\x04\x06\0\0" + struct.pack(">Ihhh", 6, 4, 1, 0)
    segment = b"Photoshop 3.0\0" + resource
    plain = saved()
    data = plain[:2] + b"\xff\xed" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
    assert "Photoshop wrote it at its quality 8 of 12." in examine(data).finding


# ---- behind the end ----


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (b"\0" * 40, None),
        (b"?", "1 byte follows the picture's end: of unknown kind."),
        (b"PK\x03\x04 and so on", "14 bytes follow the picture's end: a ZIP archive."),
        (b"\0\0\0\x18ftypmp42", "a video, as motion photos have"),
        (b"\0" * 9 + b"\xff\xd8\xff\xe0", "another JPEG after some padding"),
    ],
)
def test_what_follows_the_end(rest, words):
    finding = examine(saved() + rest).finding
    assert ("follow" not in finding) if words is None else (words in finding)


def test_a_multi_picture_file():
    buffer = io.BytesIO()
    scene().save(buffer, "MPO", save_all=True, append_images=[scene(seed=1)])
    evidence = examine(buffer.getvalue())
    assert "another JPEG, as multi-picture files have" in evidence.finding


# ---- real files ----


def test_camera_originals(shared):
    """What is known of exif-samples: their GIMP copies are named, untouched cameras aren't accused."""
    folder = shared / "data/photos/exif_samples"
    words = {
        "jpg__Canon_40D.jpg": "the editor GIMP 2.4.5: saved again",
        "jpg__hdr__canon_hdr_NO.jpg": "custom tables",
        "jpg__exif-org__nikon-e950.jpg": "Photoshop wrote it at its quality 8 of 12",
        "jpg__tests__35-empty.jpg": "does not look like the picture",
        "jpg__xmp__BlueSquare.jpg": "Photoshop wrote it at its quality 0 of 12",
    }
    for name, expected in words.items():
        assert expected in HISTORY.examine(Photo.open(folder / name)).finding, name
    original = HISTORY.examine(Photo.open(folder / "jpg__hdr__canon_hdr_NO.jpg")).finding
    assert "saved again" not in original
    assert "preview" not in original


# ---- the contract ----


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_other_formats_have_no_history(format):
    buffer = io.BytesIO()
    scene().save(buffer, format)
    evidence = examine(buffer.getvalue())
    assert evidence.finding.startswith(f"A {format} file: it holds no JPEG history")
    assert (evidence.score, evidence.claim, evidence.exhibit) == (None, None, None)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (9, 7)])
def test_tiny_pictures(size):
    evidence = examine(saved(Image.new("RGB", size)))
    assert (evidence.score, evidence.claim, evidence.marks) == (None, None, ())
    assert evidence.finding.startswith("Baseline JPEG")


def test_damaged_files_never_raise(rng):
    data = with_preview(scene(480, 320), scene(120, 80))
    for _ in range(30):
        bad = bytearray(data)
        for position in rng.integers(2, 700, 4):
            bad[position] = rng.integers(256)
        try:
            photo = Photo.open(bytes(bad))
        except ValueError:
            continue
        evidence = HISTORY.examine(photo)
        assert evidence.claim is None
        assert "\n" not in evidence.finding
