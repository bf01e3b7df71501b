"""Inspect in depth: tabs, maps, places, hostile metadata, forgetting, and the words of its parts."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from streamlit.testing.v1 import AppTest

import detectors
from app import drawing, resources, words
from app.views import inspect
from app.words import catalogue
from detectors.maps import MAPS
from forensics import page as report_page
from forensics import places
from forensics.shown import HEADINGS, UNSEEN

HOSTILE = "<script>alert(1)</script><img src=q onerror=alert(2)>\"'\u202egnp\u2066\x07\x1b[31m ![x](http://evil.example/x.png)"
TABS = ("provenance", "metadata_tab", "file_tab", "maps", "detectors")


def stored(kind: str, grey: int = 60, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((20, 24, 3), grey, np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


def hostile_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x010E], exif[0x0131] = HOSTILE, HOSTILE, HOSTILE
    return stored("JPEG", exif=exif, comment=HOSTILE.encode())


def hostile_png() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("parameters", HOSTILE)
    text.add_text("<b>key</b>", "plain")
    return stored("PNG", pnginfo=text)


def in_paris() -> bytes:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.2)}
    return stored("JPEG", exif=exif)


def opened(*files: tuple[str, bytes]) -> AppTest:
    page = AppTest.from_file(str(places.HOUSE / "app" / "main.py"), default_timeout=60).run()
    page.file_uploader[0].set_value([(name, data, "image/png") for name, data in files])
    return ran(page)


def ran(page: AppTest) -> AppTest:
    page.run()
    assert not page.exception
    return page


def tab(page: AppTest, name: str, language: str = "en") -> AppTest:
    page.session_state["tabs"] = catalogue(language)[f"inspect.{name}"]
    return ran(page)


def html(page: AppTest) -> str:
    return " ".join(found.proto.body for found in page.get("html"))


def kept(page: AppTest) -> list[resources.Inspected]:
    return list(page.session_state[resources.SESSION].values())


def everything(value: object) -> Iterator[object]:
    """A value and all that it holds."""
    yield value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = vars(value)
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from everything(key)
            yield from everything(held)
    elif isinstance(value, list | tuple | set | frozenset):
        for held in value:
            yield from everything(held)


def test_each_tab_shows_what_it_is_for(glance):
    page = opened(("a.jpg", hostile_jpeg()))
    shown = {name: html(tab(page, name)) for name in TABS}
    assert "EXIF Make" in shown["metadata_tab"]
    assert "EXIF Make" not in shown["provenance"]
    assert "baseline, subsampling" in shown["file_tab"]
    assert '<th scope="row">glance</th>' in shown["detectors"]
    assert "Pixel maps" in [t.label for t in page.tabs]


def test_maps_are_drawn_when_chosen_once_and_labelled(glance, monkeypatch):
    drawings = []
    for kind in MAPS:
        draw = kind.draw
        monkeypatch.setattr(
            kind, "draw", lambda self, photo, draw=draw: drawings.append(self.name) or draw(self, photo)
        )
    page = opened(("a.png", stored("PNG")))
    tab(page, "maps")
    assert drawings == []
    for kind in MAPS:
        page.session_state["map"] = kind.name
        assert "Visual aid: no part of the verdict" in html(ran(page))
        assert kind.misses in html(page).replace("&#39;", "'")
    ran(page)
    assert drawings == [kind.name for kind in MAPS]
    assert set(page.session_state[resources.DRAWN]) == {kept(page)[0].key[0]}
    for verdict in ("conclusion", "log10_lr", "evidence"):
        assert not any(kind.name in json.dumps(kept(page)[0].record[verdict]) for kind in MAPS)


@pytest.mark.parametrize("data", [hostile_jpeg(), hostile_png()], ids=["EXIF and comment", "PNG text"])
def test_hostile_metadata_is_escaped_in_the_page_and_in_its_report(glance, data):
    page = opened((HOSTILE, data), ("b.png", stored("PNG")))
    shown = html(tab(page, "metadata_tab"))
    for text in (shown, inspect.report(kept(page)[0])):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script" not in text
        assert "<img src=q" not in text
        assert "<b>key</b>" not in text
        assert "⟨U+202E⟩" in text
        assert not UNSEEN.search(text.replace("\n", ""))
    for kind in ("markdown", "caption", "info", "warning", "error", "subheader", "expander", "spinner", "button"):
        assert not [e for e in page.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]


def test_a_place_is_coarse_until_asked_for_and_in_reports_only_if_ticked(glance):
    page = opened(("paris.jpg", in_paris()))
    assert "48." not in re.sub('data:[^"]*', "", html(page))
    assert "48.9° N, 2.3° E" in html(tab(page, "metadata_tab"))
    assert "48.85822" not in html(page)
    next(toggle for toggle in page.toggle if toggle.key == "place").set_value(True)
    assert "48.85822° N" in html(ran(page))
    photo = kept(page)[0]
    assert page.selectbox(key="place-in-report").value is None
    for without in (inspect.report(photo), photo.html, resources.as_json([photo])):
        assert "48.8" not in without
        assert "48.9" not in without
    assert "48.9° N, 2.3° E" in inspect.report(photo, 1)
    assert "48.85822" not in inspect.report(photo, 1)
    assert "48.85822° N" in inspect.report(photo, 5)


def test_photos_without_a_place_are_not_asked_about_it(glance):
    page = opened(("a.png", stored("PNG")))
    assert not [box for box in page.selectbox if box.key == "place-in-report"]


def test_forgetting_leaves_nothing_of_the_photo_in_the_session(glance):
    secret, other = in_paris(), stored("PNG", 90)
    page = opened(("secret.jpg", secret), ("other.png", other))
    tab(page, "maps")
    page.session_state["map"] = "planes"
    ran(page)
    digest = kept(page)[0].key[0]

    def traces() -> list[object]:
        held = list(everything(page.session_state.to_dict()))
        held += [value.getvalue() for value in held if hasattr(value, "getvalue")]
        held += [value.name for value in held if hasattr(value, "getvalue")]
        return [v for v in held if v == secret or (isinstance(v, str) and ("secret" in v or digest in v))]

    assert traces()
    page.button(key="forget").click()
    ran(page)
    assert traces() == []
    assert digest not in page.session_state[resources.DRAWN]
    assert "secret" not in html(page)
    assert [photo.key[1] for photo in kept(page)] == ["other.png"]
    assert glance.asked == 2, "the other photo is not examined again"
    page.button(key="forget").click()
    assert "Nothing leaves this machine" in html(ran(page))
    assert page.session_state[resources.SESSION] == {}
    assert other not in [v for v in everything(page.session_state.to_dict()) if isinstance(v, bytes)]


def test_a_new_photo_joins_those_that_were_carried_over(glance):
    page = opened(("a.png", stored("PNG", 1)), ("b.png", stored("PNG", 2)))
    page.button(key="forget").click()
    ran(page)
    page.file_uploader[0].set_value([("c.png", stored("PNG", 3), "image/png")])
    ran(page)
    assert [photo.key[1] for photo in kept(page)] == ["b.png", "c.png"]


def test_a_part_is_shown_at_its_own_pixels_lossless(glance, rng):
    pixels, buffer = rng.integers(0, 256, (700, 1000, 3), dtype=np.uint8), io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    page = opened(("large.png", buffer.getvalue()))
    page.toggle(key="closer").set_value(True)
    shown = html(ran(page))
    source = re.search(r'fx-open.*?src="data:image/png;base64,([^"]+)" width="900" height="600"', shown, re.S)
    crop = np.array(Image.open(io.BytesIO(base64.b64decode(source[1]))))
    assert np.array_equal(crop, pixels[50:650, 50:950])
    page.selectbox(key="part").select_index(1)
    assert "0–900 × 0–600 px" in html(ran(page))


def test_spanish_has_its_own_words_and_says_what_stays_english(glance, monkeypatch):
    monkeypatch.setattr(words, "language", lambda: "es")
    page = opened(("a.png", stored("PNG")))
    shown = html(page)
    assert "No concluyente" in shown
    assert "En qué se basa" in shown
    assert "What it is based on" not in shown
    assert any("en inglés" in caption.value for caption in page.caption)
    assert [t.label for t in page.tabs] == [catalogue("es")[f"inspect.{name}"] for name in TABS]
    monkeypatch.setattr(drawing, "language", lambda: "es")
    report = inspect.report(kept(page)[0])
    assert '<html lang="es">' in report
    assert "Hecho con" in report
    assert "en inglés" in report


def test_the_reports_english_is_the_catalogues():
    folder = places.HOUSE / "forensics"
    said = re.findall(
        r'say\("(\w+)", "((?:[^"\\]|\\.)*)"',
        "".join((folder / f"{name}.html").read_text() for name in ("parts", "page")),
    )
    assert len(said) > 40
    for key, english in said:
        assert catalogue("en")[f"inspect.{key}"] == english
    for conclusion, heading in HEADINGS.items():
        assert catalogue("en")[f"inspect.conclusion_{conclusion}"] == heading


def test_every_detector_and_map_has_its_words_in_every_language():
    for language in words.LANGUAGES:
        found = catalogue(language)
        for member in detectors.PANEL:
            assert found[f"inspect.question_{member.name}"]
            assert len(found[f"inspect.by_eye_{member.name}"]) > 40
        for kind in MAPS:
            assert {f"maps.{kind.name}_{part}" for part in ("title", "shows", "misses")} <= set(found)
    english = catalogue("en")
    assert all(english[f"inspect.question_{member.name}"] == member.question for member in detectors.PANEL)
    for kind in MAPS:
        assert [english[f"maps.{kind.name}_{part}"] for part in ("title", "shows", "misses")] == [
            kind.title,
            kind.shows,
            kind.misses,
        ]


def test_languages_have_the_same_keys_and_fields():
    english, spanish = catalogue("en"), catalogue("es")
    for key in english:
        if key.startswith(("inspect.", "maps.")):
            assert sorted(re.findall(r"{(\w+)}", english[key])) == sorted(re.findall(r"{(\w+)}", spanish[key])), key


def test_a_plug_ins_words_are_said_as_they_came():
    assert drawing.spoken("question_of_a_plug_in", "Is {it} odd?") == "Is {it} odd?"
    assert report_page.as_written("x", "{a} of {b}", a=1, b=2) == "1 of 2"


def test_a_picture_keeps_its_alt_whatever_the_camera_calls_itself():
    """Streamlit's sanitizer drops an attribute with `</script>` in it, escaped or not."""
    html = '<img src="x" alt="by &lt;/script&gt; &#34;A&#34;"><p>&lt;b&gt;</p>'
    assert drawing.with_alt(html) == '<img src="x" alt="by ‹/script› &#34;A&#34;"><p>&lt;b&gt;</p>'
