"""Two files, compared: the word is right for copies of every kind, and it is the same whoever comes first."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from forensics.likeness import Relation, compare
from forensics.likeness.alignment import Fit
from forensics.likeness.difference import Difference
from forensics.likeness.metadata import Lead
from forensics.likeness.perceptual import MATCH, Look, Turn, distance
from forensics.photo import MAX_TEXT, Photo

FEW = settings(max_examples=12)
COPIES = (Relation.SAME_PICTURE, Relation.SAME_PIXELS)


def photo(image: Image.Image, kind: str = "PNG", name: str = "copy", **how: object) -> Photo:
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return Photo.open(buffer.getvalue(), name)


@pytest.fixture(scope="module")
def portrait(portrait_file) -> Photo:
    return Photo.open(portrait_file)


@pytest.fixture(scope="module")
def scene(scene_file) -> Photo:
    return Photo.open(scene_file)


def image_of(photo: Photo) -> Image.Image:
    return Image.fromarray(photo.pixels)


def test_a_file_and_itself(portrait):
    found = compare(portrait, portrait)
    assert found.relation is Relation.SAME_BYTES
    assert found.difference.rms == found.difference.differing == found.bits == 0
    assert found.difference.psnr is None
    assert found.leads == {}
    assert not any(entry.differs for entry in found.metadata)


def test_the_same_pixels_in_another_file(portrait):
    found = compare(portrait, photo(image_of(portrait)))
    assert found.relation is Relation.SAME_PIXELS
    assert found.sha256[0] != found.sha256[1]
    assert found.pixels_sha256[0] == found.pixels_sha256[1]
    assert next(e for e in found.metadata if e.name == "Format").differs
    assert found.leads[Lead.METADATA] == 0


@FEW
@given(quality=st.integers(20, 95), kind=st.sampled_from(["JPEG", "WEBP"]))
def test_encoded_again(portrait, quality, kind):
    found = compare(portrait, photo(image_of(portrait), kind, quality=quality))
    assert found.relation in COPIES
    assert found.alignment.fit is Fit.SHIFTED
    assert not found.alignment.matrix[:, 2].any()
    assert found.turned_bits <= MATCH
    assert found.difference.psnr > 24
    assert found.difference.covered == 1


@FEW
@given(scale=st.floats(0.3, 2.2))
@example(scale=0.99609375)  # as near to a shift by a pixel as to a scaling
def test_scaled(portrait, scale):
    image = image_of(portrait)
    copy = photo(image.resize((round(image.width * scale), round(image.height * scale))), "JPEG", quality=85)
    for found in (compare(portrait, copy), compare(copy, portrait)):
        assert found.relation in COPIES
        assert found.alignment.fit is (Fit.SHIFTED if copy.pixels.shape == portrait.pixels.shape else Fit.SCALED)
        assert found.difference.covered == 1


@FEW
@given(left=st.integers(0, 200), top=st.integers(0, 200), width=st.integers(230, 300), height=st.integers(260, 390))
def test_cropped(portrait, left, top, width, height):
    crop = image_of(portrait).crop((left, top, left + width, top + height))
    found = compare(portrait, photo(crop))
    assert found.relation is Relation.SAME_PICTURE
    assert found.alignment.fit is Fit.SHIFTED
    assert found.alignment.matrix[:, 2].tolist() == [left, top]
    assert found.difference.rms == 0
    assert found.difference.covered == pytest.approx(width * height / (portrait.width * portrait.height))
    back = compare(photo(crop), portrait)
    assert back.relation is Relation.SAME_PICTURE
    assert back.difference.covered == 1


@FEW
@given(scale=st.floats(0.5, 1.6), degrees=st.floats(-12, 12))
def test_cropped_scaled_and_turned(scene, scale, degrees):
    image = image_of(scene).rotate(degrees, Image.Resampling.BICUBIC).crop((90, 70, 560, 370))
    copy = image.resize((round(image.width * scale), round(image.height * scale)))
    found = compare(scene, photo(copy, "JPEG", quality=88))
    assert found.relation is Relation.SAME_PICTURE
    assert found.alignment.scale == pytest.approx(1 / scale, rel=0.02)
    assert found.alignment.degrees == pytest.approx(-degrees, abs=0.5)


@pytest.mark.parametrize(
    ("change", "turn"),
    [
        (ImageOps.mirror, Turn.MIRRORED),
        (ImageOps.flip, Turn.FLIPPED),
        (lambda image: image.rotate(90, expand=True), Turn.RIGHT),
        (lambda image: image.rotate(180), Turn.HALF),
        (lambda image: image.transpose(Image.Transpose.TRANSVERSE), Turn.TRANSVERSED),
    ],
)
def test_mirrored_and_turned(portrait, change, turn):
    found = compare(portrait, photo(change(image_of(portrait))))
    assert found.relation is Relation.SAME_PICTURE
    assert found.turn is found.alignment.turn is turn
    assert found.bits > MATCH
    assert found.difference.rms == 0


def test_mirrored_and_cropped(portrait):
    found = compare(portrait, photo(ImageOps.mirror(image_of(portrait)).crop((150, 100, 450, 500))))
    assert found.relation is Relation.SAME_PICTURE
    assert found.alignment.turn is Turn.MIRRORED
    assert found.difference.rms == 0


def test_unrelated(portrait, scene, rng):
    noise = Photo.from_pixels(rng.integers(0, 256, (200, 300, 3), np.uint8))
    flat = Photo.from_pixels(np.full((200, 300, 3), 90, np.uint8))
    for one, other in ((portrait, scene), (portrait, noise), (scene, noise), (noise, flat), (portrait, flat)):
        for found in (compare(one, other), compare(other, one)):
            assert found.relation is Relation.DIFFERENT
            assert found.alignment is None
            assert found.laid is None
            assert found.turned_bits > MATCH


def test_an_edit_shows_where_it_is(portrait):
    pixels = portrait.pixels.copy()
    pixels[100:140, 200:260] = 255 - pixels[100:140, 200:260]
    found = compare(portrait, Photo.from_pixels(pixels))
    assert found.relation is Relation.SAME_PICTURE
    changed = np.abs(found.difference.map[..., :3].astype(int) - 128).max(2) > 0
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (100, 139, 200, 259)
    assert found.difference.differing == pytest.approx(40 * 60 / (portrait.width * portrait.height), rel=0.05)


def test_a_part_in_common_is_similar_not_the_same(scene):
    left, right = (image_of(scene).crop((x, 0, x + 400, 427)) for x in (0, 240))
    found = compare(photo(left), photo(right))
    assert found.relation is Relation.SIMILAR
    assert found.difference.rms == 0
    assert found.difference.covered == pytest.approx(0.4, abs=0.01)


def test_numbers_of_a_known_difference():
    one = np.full((10, 10, 3), 100, np.uint8)
    other = one.copy()
    other[:5] += 6
    found = Difference.of(one, other, np.ones((10, 10), bool))
    assert found.rms == pytest.approx(np.sqrt(18))
    assert (found.largest, found.differing, found.visibly, found.gain) == (6, 0.5, 0, 16)
    assert found.psnr == pytest.approx(20 * np.log10(255 / np.sqrt(18)))
    assert found.map[0, 0].tolist() == [224, 224, 224, 255]
    assert found.map[9, 9].tolist() == [128, 128, 128, 255]
    assert Difference.of(one, other, np.zeros((10, 10), bool)) is None


def test_what_may_be_said_of_which_has_more(portrait):
    worse = photo(image_of(portrait).resize((256, 300)), "JPEG", quality=30)
    assert compare(portrait, worse).leads == dict.fromkeys(Lead, 0)
    assert compare(worse, portrait).leads == dict.fromkeys(Lead, 1)


def test_the_hash_is_the_published_one_and_the_same_both_ways(portrait, scene):
    one, other = compare(portrait, scene), compare(scene, portrait)
    assert one.bits == other.bits == distance(*one.looks)
    assert len(one.looks[0].pdq) == 64
    assert Look.of(np.zeros((64, 64, 3), np.uint8)).reliable is False


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (2, 3), (63, 64)])
def test_odd_shapes_are_no_trouble(portrait, rng, shape):
    odd = Photo.from_pixels(rng.integers(0, 256, (*shape, 3), np.uint8))
    for found in (compare(odd, portrait), compare(portrait, odd)):
        assert found.relation in (Relation.DIFFERENT, Relation.SIMILAR)
    assert compare(odd, odd).relation is Relation.SAME_BYTES


def test_hostile_metadata_is_kept_as_text_and_bounded(portrait):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("<script>alert(1)</script>", "x" * 2_000_000)
    hostile = photo(image_of(portrait), pnginfo=info)
    entry = next(e for e in compare(portrait, hostile).metadata if "script" in e.name)
    assert entry.first is None
    assert len(entry.second) <= MAX_TEXT
