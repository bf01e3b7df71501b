"""What files declare: marks written here by Pillow, samples of the tools, and real photos that declare nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from detectors.provenance.declarations import NOTHING, Declarations
from detectors.provenance.marks import CREDITS, MAKERS, SETTINGS
from detectors.provenance.source_types import says, term
from detectors.provenance.statements import MAX_XMP, xmp_properties
from forensics.photo import Photo

DECLARATIONS = Declarations.load(None)
PICTURE = Image.new("RGB", (40, 30), "grey")
IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SETTINGS_TEXT = "a duck\nNegative prompt: cat\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"


def examine(data: bytes):
    return DECLARATIONS.examine(Photo.open(data))


def png(**text: str) -> bytes:
    info = PngInfo()
    for key, value in text.items():
        info.add_itxt(key, value)
    buffer = io.BytesIO()
    PICTURE.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def jpeg(exif: dict[int, object] | None = None, xmp: str | bytes = b"", comment: bytes = b"") -> bytes:
    tags = Image.Exif()
    for tag, value in (exif or {}).items():
        tags[tag] = value
    buffer = io.BytesIO()
    xmp = xmp.encode() if isinstance(xmp, str) else xmp
    PICTURE.save(buffer, "JPEG", exif=tags, **({"xmp": xmp} if xmp else {}), comment=comment)
    return buffer.getvalue()


def packet(inside: str = "", attributes: str = "") -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="{IPTC}" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f"{attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


# ---- digital source type ----

ELEMENT = "<Iptc4xmpExt:DigitalSourceType>{}</Iptc4xmpExt:DigitalSourceType>"
RESOURCE = '<Iptc4xmpExt:DigitalSourceType rdf:resource="{}"/>'
BAG = ELEMENT.format("<rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag>")
OLDER = "<Iptc4xmpExt:DigitalSourceFileType>{}</Iptc4xmpExt:DigitalSourceFileType>"


@pytest.mark.parametrize("form", [ELEMENT, RESOURCE, BAG, OLDER, None])
@pytest.mark.parametrize("put", [lambda xmp: jpeg(xmp=xmp), lambda xmp: png(**{"XML:com.adobe.xmp": xmp})])
def test_source_type_in_every_form(form, put):
    value = TERMS + "trainedAlgorithmicMedia"
    xmp = packet(form.format(value)) if form else packet(attributes=f'Iptc4xmpExt:DigitalSourceType="{value}"')
    evidence = examine(put(xmp))
    assert (evidence.claim.says, evidence.claim.verified, evidence.score) == ("generated", False, None)
    assert "digital source type trainedAlgorithmicMedia in XMP" in evidence.finding


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("trainedAlgorithmicMedia", "generated"),
        ("compositeWithTrainedAlgorithmicMedia", "edited"),
        ("digitalCapture", "captured"),
        ("minorHumanEdits", None),
        ("madeUpTerm", None),
    ],
)
def test_source_types_claim_what_they_mean(name, claims):
    evidence = examine(jpeg(xmp=packet(ELEMENT.format(TERMS + name))))
    assert (evidence.claim and evidence.claim.says) == claims
    assert name in evidence.finding


@pytest.mark.parametrize(
    "written", ["https://cv.iptc.org/x/digitalCapture/", "digsrctype:digitalCapture", "digitalCapture"]
)
def test_terms_are_found_however_they_are_written(written):
    assert (term(written), says(written)) == ("digitalCapture", "captured")


def test_a_source_type_outside_iptc_s_namespace_is_no_declaration():
    xmp = packet('<my:DigitalSourceType xmlns:my="urn:mine">trainedAlgorithmicMedia</my:DigitalSourceType>')
    assert examine(jpeg(xmp=xmp)).claim is None


def test_an_ai_system_is_a_declaration():
    evidence = examine(jpeg(xmp=packet(attributes='Iptc4xmpExt:AISystemUsed="DALL-E via ChatGPT"')))
    assert evidence.claim.says == "generated"


@pytest.mark.parametrize(
    ("credit", "claims"), [("Made with Google AI", "generated"), ("Edited with Google AI", "edited")]
)
def test_credits_in_xmp_and_iptc(credit, claims):
    assert examine(jpeg(xmp=packet(f"<photoshop:Credit>{credit}</photoshop:Credit>"))).claim.says == claims
    field = struct.pack(">BBBH", 0x1C, 2, 110, len(credit)) + credit.encode()
    field += b"\0" * (len(field) % 2)
    content = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(field)) + field
    plain = jpeg()
    segment = b"\xff\xed" + struct.pack(">H", len(content) + 2) + content
    assert examine(plain[:2] + segment + plain[2:]).claim.says == claims


# ---- damaged and hostile XMP ----


@pytest.mark.parametrize(
    "xmp",
    [
        packet(ELEMENT.format(TERMS + "trainedAlgorithmicMedia"))[:-30],
        "<a><b></a>",
        '<!DOCTYPE a [<!ENTITY b "trainedAlgorithmicMedia">]><a>&b;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"\xff\xfe\x00broken",
    ],
)
def test_unreadable_xmp_is_said_and_not_guessed_at(xmp):
    evidence = examine(jpeg(xmp=xmp))
    assert evidence.claim is None
    assert "unreadable XMP" in evidence.finding


def test_too_much_xmp_is_not_parsed():
    with pytest.raises(ValueError, match="XMP of"):
        xmp_properties(b" <a/>" + b" " * MAX_XMP)


def test_deep_xmp_is_read_without_recursion():
    deep = "<a>" * 20_000 + "x" + "</a>" * 20_000
    assert len(xmp_properties(deep.encode())) == 1


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", packet(ELEMENT.format("x")).encode()]))
def test_any_xmp_gives_evidence(noise, head):
    from dataclasses import replace

    evidence = DECLARATIONS.examine(replace(PHOTO, xmp=head + noise))
    assert "\n" not in evidence.finding
    assert evidence.claim is None


PHOTO = Photo.from_pixels(np.full((8, 8, 3), 90, np.uint8))

# ---- settings and makers ----

GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
UPSCALER = json.dumps({"3": {"class_type": "ImageUpscaleWithModel", "inputs": {}}})


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ({"parameters": SETTINGS_TEXT}, "AUTOMATIC1111"),
        ({"prompt": GRAPH}, "ComfyUI"),
        ({"prompt": GRAPH[:-1] + " " * 70_000 + "}"}, "ComfyUI"),  # cut off by the bound on text
        ({"parameters": '{"sui_image_params": {"prompt": "x"}}'}, "SwarmUI"),
        ({"Software": "NovelAI"}, "NovelAI"),
        ({"Software": "deepfake-forensics 0.1.0"}, "this project's own generators"),
        ({"Description": "a cat --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef"}, "Midjourney"),
        ({"AIGC": '{"Label": "1", "ContentProducer": "X"}'}, "AIGC label that it is generated content (producer X)"),
    ],
)
def test_settings_in_png_text(text, tool):
    evidence = examine(png(**text))
    assert tool in evidence.finding
    assert (evidence.claim.says, evidence.claim.verified) == ("generated", False)


@pytest.mark.parametrize(
    ("exif", "tool"),
    [
        ({0x9286: b"UNICODE\0" + SETTINGS_TEXT.encode("utf-16-be")}, "AUTOMATIC1111"),
        ({0x9286: b"ASCII\0\0\0" + b'{"AIGC": {"Label": "1"}}'}, "AIGC label"),
        ({0x0131: "Midjourney v6"}, "Midjourney"),
        ({0x0131: "Adobe Firefly"}, "Adobe Firefly"),
        ({0x010F: "Apple Image Playground"}, "Apple Image Playground"),
        ({0x010E: "Signature: " + "QUJD" * 20, 0x013B: "01234567-89AB-cdef-0123-456789abcdef"}, "Grok"),
    ],
)
def test_marks_in_exif(exif, tool):
    evidence = examine(jpeg(exif))
    assert tool in evidence.finding
    assert evidence.claim.says == "generated"


def test_a_workflow_that_only_upscales_claims_nothing():
    evidence = examine(png(prompt=UPSCALER))
    assert evidence.claim is None
    assert "workflow of ComfyUI without a generating node" in evidence.finding


def test_a_label_that_only_suspects_claims_nothing():
    evidence = examine(png(AIGC='{"Label": "3"}'))
    assert evidence.claim is None
    assert "suspected" in evidence.finding


@pytest.mark.parametrize("compressed", [False, True])
def test_text_hidden_in_alpha(compressed, rng):
    content = gzip.compress(SETTINGS_TEXT.encode()) if compressed else SETTINGS_TEXT.encode()
    head = b"stealth_pngcomp" if compressed else b"stealth_pnginfo"
    hidden = np.unpackbits(np.frombuffer(head + struct.pack(">I", 8 * len(content)) + content, np.uint8))
    pixels = rng.integers(0, 256, (70, 30, 4), dtype=np.uint8)
    alpha = pixels[..., 3].T.reshape(-1).copy()
    alpha[: len(hidden)] = (alpha[: len(hidden)] & 0xFE) | hidden
    pixels[..., 3] = alpha.reshape(30, 70).T
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert "AUTOMATIC1111" in examine(buffer.getvalue()).finding
    pixels[..., 3] |= 1
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert examine(buffer.getvalue()).claim is None


@pytest.mark.parametrize(
    "data",
    [
        jpeg({0x0131: "Adobe Photoshop 25.0 (Windows)"}),
        jpeg({0x010E: "Visitors look at a picture made with Midjourney", 0x013B: "Stable Diffusion fan"}),
        jpeg({0x010E: "Signature: " + "QUJD" * 20}),  # half of Grok's pair
        jpeg({0x010F: "Meta", 0x0110: "Ray-Ban Meta Smart Glasses"}),
        jpeg({0x0131: "f.lux"}),
        jpeg(xmp=packet("<photoshop:Credit>OpenAI</photoshop:Credit>")),  # supplied a photo, as an agency does
        jpeg(xmp=packet("<xmp:CreatorTool>Adobe Photoshop Lightroom Classic 13</xmp:CreatorTool>")),
        jpeg(comment=b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90"),
        jpeg({0x9286: b"ASCII\0\0\0Steps: up the hill, Seed: none"}),
        png(Software="Imagen", prompt="a duck on a lake", Comment='{"steps": 3}', parameters="ISO 100, f/8"),
    ],
)
def test_a_word_is_no_mark(data):
    evidence = examine(data)
    assert evidence.claim is None
    assert evidence.finding.startswith(NOTHING)


def test_a_camera_is_only_reported():
    evidence = examine(jpeg({0x010F: "Canon", 0x0110: "Canon EOS 40D"}))
    assert evidence.finding == f"{NOTHING} Its EXIF names the camera Canon EOS 40D; anyone can write that."
    assert evidence.claim is None


def test_the_strongest_mark_claims():
    xmp = packet(ELEMENT.format(TERMS + "digitalCapture"))
    evidence = examine(jpeg({0x0131: "Midjourney"}, xmp=xmp))
    assert evidence.claim.says == "generated"
    assert "digitalCapture" in evidence.finding


def test_every_row_of_the_tables_says_how_we_know():
    assert all(row.tool and row.source for row in (*MAKERS, *CREDITS, *SETTINGS))


# ---- published samples and real photos ----


def test_samples_of_the_tools(shared):
    folder = shared / "data/provenance/sd_metadata"
    for path in sorted(folder.iterdir()):
        evidence = DECLARATIONS.examine(Photo.open(path))
        tool = path.name.split("__")[1]
        if tool.startswith("empty_image"):
            assert evidence.claim is None
        else:
            expected = "AUTOMATIC1111" if tool.startswith("text_after") else tool
            assert f"of {expected}" in evidence.finding, path.name
            assert (evidence.claim.says, evidence.claim.verified) == ("generated", False), path.name


def test_files_of_services(shared):
    folder = shared / "data/provenance/ai_services"
    label = DECLARATIONS.examine(Photo.open(folder / "data__calibration__doubao__doubao_black_1x1_1.png"))
    assert "AIGC label that it is generated content" in label.finding
    assert label.claim.says == "generated"
    watermark = DECLARATIONS.examine(Photo.open(folder / "data__fixtures__provenance__adobe-trustmark-p.png"))
    assert watermark.claim is None  # its mark is in the pixels
    assert watermark.finding == NOTHING
    assert any("Watermarks" in caveat for caveat in watermark.caveats)


def test_no_real_photo_is_said_to_declare_a_generator(shared):
    rows = list(csv.DictReader((shared / "data/manifest.csv").open()))
    folders = ("photos/exif_samples", "photos/mixed_real", "photos/imagenet")
    paths = [
        shared / "data" / row["path"] for row in rows if row["label"] == "real" and row["path"].startswith(folders)
    ]
    cameras = 0
    for path in paths:
        if path.stat().st_size > 150_000:
            continue
        try:
            photo = Photo.open(path)
        except ValueError:
            continue
        evidence = DECLARATIONS.examine(photo)
        assert evidence.claim is None or evidence.claim.says == "captured", path
        cameras += "names the camera" in evidence.finding
    assert cameras >= 30


# ---- the contract ----


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_photos_that_declare_nothing(format):
    buffer = io.BytesIO()
    PICTURE.save(buffer, format)
    evidence = examine(buffer.getvalue())
    assert (evidence.finding, evidence.score, evidence.claim) == (NOTHING, None, None)
