"""Compare two files, in the app: the words, the pictures, and files that mean no good."""

from __future__ import annotations

import io
import json
import tomllib
from pathlib import Path

import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from streamlit.testing.v1 import AppTest

import app
from app import compared
from forensics.likeness import Relation
from forensics.likeness.metadata import Lead
from forensics.likeness.perceptual import Turn
from forensics.photo import Photo

HOSTILE = "![x](http://evil.example/x.png) <img src=q onerror=alert(1)>\u202e.png"
WORDS = Path(app.__file__).parent / "words"


def opened() -> AppTest:
    return AppTest.from_function(alone, default_timeout=60).run()


def alone() -> None:
    from app.views import compare

    compare.page()


def given(one: tuple[str, bytes], other: tuple[str, bytes], page: AppTest | None = None) -> AppTest:
    page = page or opened()
    for place, (name, data) in enumerate((one, other)):
        page.file_uploader[place].set_value([(name, data, "image/png")])
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def png(image: Image.Image, **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **how)
    return buffer.getvalue()


def sliders(page: AppTest) -> list[dict]:
    protos = [e.proto for e in page.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos]


@pytest.fixture(scope="module")
def portrait(portrait_file) -> bytes:
    return portrait_file.read_bytes()


def test_says_first_what_it_does():
    page = opened()
    assert not page.exception
    assert "nothing leaves this machine" in words(page)


def test_one_file_twice(portrait):
    page = given(("a.jpg", portrait), ("b.jpg", portrait))
    shown = words(page)
    assert "The same file" in shown
    assert "Every byte is the same" in shown
    assert "no difference" in shown
    assert "What one has more of" not in shown


def test_a_mirrored_copy_has_a_slider_a_map_and_numbers(portrait):
    image = Image.open(io.BytesIO(portrait)).convert("RGB")
    page = given(("a.jpg", portrait), ("b.png", png(ImageOps.mirror(image))))
    shown = words(page)
    assert "The same picture, stored anew" in shown
    assert "mirrored left to right" in shown
    assert "carries more metadata" not in shown or "None of this tells" in shown
    assert "original" not in shown.lower()
    assert "PSNR" in shown
    (data,) = sliders(page)
    assert data["first"]["uri"].startswith("data:image/png;base64,")
    assert data["first"]["alt"]
    assert data["second"]["alt"]


def test_pictures_with_nothing_in_common_have_no_slider(portrait, scene_file):
    page = given(("a.jpg", portrait), ("b.jpg", scene_file.read_bytes()))
    assert "Nothing in common was found" in words(page)
    assert "could not be laid" in words(page)
    assert sliders(page) == []


def test_unreadable_files_get_a_reason_each(portrait):
    page = given(("words.jpg", b"hello"), ("empty.png", b""))
    assert "words.jpg could not be examined" in words(page)
    assert "not a photo in a known format" in words(page)
    assert "empty (0 bytes)" in words(page)
    page = given(("a.jpg", portrait[:3000]), ("b.jpg", portrait))
    assert "a.jpg could not be examined" in words(page)


def test_hostile_names_and_metadata_are_escaped(portrait):
    info = PngInfo()
    info.add_text("<script>alert(1)</script>", "<img src=q onerror=alert(2)>\u202e" * 50)
    image = Image.open(io.BytesIO(portrait)).convert("RGB")
    page = given((HOSTILE, portrait), ("b.png", png(image, pnginfo=info)))
    shown = words(page)
    assert "&lt;script&gt;" in shown
    assert "<script" not in shown
    assert "<img src=q" not in shown
    (data,) = sliders(page)
    assert "\u202e" not in shown + json.dumps(data, ensure_ascii=False)
    for kind in ("markdown", "caption", "subheader", "expander", "spinner"):
        assert not [e for e in page.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]


def test_the_session_keeps_no_pixels_and_forgets_when_a_file_is_taken_off(portrait):
    page = given(("a.jpg", portrait), ("b.jpg", portrait))
    kept = page.session_state[compared.SESSION][1]
    assert kept.likeness.first.size == 0
    assert kept.likeness.laid is None
    assert kept.likeness.difference.map.size == 0
    page.file_uploader[0].set_value(None)
    page.run()
    assert compared.SESSION not in page.session_state


def test_a_second_run_does_not_compare_again(portrait, monkeypatch):
    asked = []
    real = compared.compare
    monkeypatch.setattr(compared, "compare", lambda a, b: asked.append(1) or real(a, b))
    page = given(("a.jpg", portrait), ("b.jpg", portrait))
    page.run()
    assert len(asked) == 1


@pytest.mark.parametrize("language", ["en", "es"])
def test_there_are_words_for_everything_that_can_be_found(language):
    told = tomllib.loads((WORDS / language / "compare.toml").read_text())
    for relation in Relation:
        assert {relation, f"{relation}_follows", f"{relation}_not"} <= set(told)
    for lead in Lead:
        assert {f"{lead}_first", f"{lead}_second"} <= set(told)
    assert {f"turn_{turn}" for turn in Turn} <= set(told)


def test_sentences_of_how_it_was_laid(portrait):
    image = Image.open(io.BytesIO(portrait)).convert("RGB")
    one = Photo.open(portrait)

    def told(changed: Image.Image) -> str:
        return compared.laid(compared.compare(one, Photo.open(png(changed))))

    assert "pixel by pixel" in told(image)
    assert "moved by 20 px to the right and 30 px down" in told(image.crop((20, 30, 400, 500)))
    assert "2 times its own" in told(image.resize((256, 300)))
    assert "turned by" in told(image.rotate(8).crop((60, 60, 450, 540)))
