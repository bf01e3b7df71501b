"""The HTML report: whole in one file, asking nothing of the network, and obeying nothing that a photo says."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Claim, Evidence, Mark
from forensics.page import as_html, position, write_html
from forensics.photo import Photo
from forensics.report import Report, as_json
from forensics.shown import HEADINGS, UNSEEN, page_of, plain, signed
from forensics.verdict import Conclusion, weigh

DOMAIN = Domain(min_side=1, min_face=1)
CALIBRATION = Calibration({"eyes": Line(1, 0, 900), "spectrum": Line(1, 0, 900)}, DOMAIN, 9000, 9000, conflict=9)
VERSIONS = {"forensics": "0.1.0", "weights": {"spectrum": "ab" * 32}, "calibration": "cd" * 32}
EXHIBIT = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u202egnp.exe\x07\x00 {{ 7 * 7 }} http://evil.example/"
)


class Parsed(HTMLParser):
    """Tags, attributes and text of a document."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def photo(name: str = "portrait.jpg", width: int = 64, height: int = 48) -> Photo:
    return Photo.from_pixels(np.full((height, width, 3), 120, np.uint8), name)


def report(shot: Photo | None = None, eyes: float | None = 0.5, spectrum: float | None = 2.0, **more) -> Report:
    shot = shot or photo()
    evidence = [
        Evidence("jpeg", None, more.get("finding", "Tables of quality 90.")),
        Evidence("declarations", None, "XMP names a generator.", claim=more.get("claim")),
        Evidence("eyes", eyes, "The irises differ.", marks=(Mark(more.get("label", "left eye"), 16, 12, 8, 6),)),
        Evidence("spectrum", spectrum, "The spectrum rises.", drawn=EXHIBIT, caveats=("Blurred photos.",)),
    ]
    verdict = weigh(evidence, CALIBRATION, more.get("outside"))
    questions = {e.detector: f"What about {e.detector}?" for e in evidence}
    return Report(shot.name, shot.sha256, shot, verdict, None, questions, VERSIONS)


def unreadable(name: str = "broken.jpg", reason: str = "the file is empty (0 bytes)") -> Report:
    return Report(name, "ef" * 32, None, None, reason, {}, VERSIONS)


def hostile_photo() -> Photo:
    exif = Image.Exif()
    exif[0x010F] = exif[0x0131] = HOSTILE.replace("\0", "")
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32)).save(buffer, "JPEG", exif=exif, comment=HOSTILE.encode())
    return Photo.open(buffer.getvalue(), f"{HOSTILE}.jpg")


REPORTS = {
    "generated": report(),
    "camera": report(eyes=-1.0, spectrum=-2.0),
    "weak": report(eyes=0.1, spectrum=-0.3),
    "silent": report(eyes=None, spectrum=None),
    "declared": report(claim=Claim("generated", False, HOSTILE)),
    "verified": report(claim=Claim("generated", True, "C2PA manifest signed by Maker")),
    "edited": report(claim=Claim("edited", False, "XMP")),
    "captured": report(claim=Claim("captured", True, "C2PA manifest signed by Camera")),
    "unreadable": unreadable(),
    "hostile": report(hostile_photo(), finding=HOSTILE, label=HOSTILE, outside=HOSTILE),
    "hostile, unreadable": unreadable(HOSTILE, HOSTILE),
    "one pixel": report(photo(width=1, height=1)),
    "a thread": report(photo(width=30_000, height=1)),
}


@pytest.mark.parametrize("case", REPORTS)
def test_is_whole_and_asks_for_nothing(case):
    html = as_html(REPORTS[case])
    page = Parsed(html)
    used = {tag for tag, _ in page.tags}
    assert not used & {"script", "link", "iframe", "object", "embed", "base", "form", "video", "a"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "srcset", "action", "data", "poster", "background"):
            assert (attributes.get(name) or "data:image/").startswith("data:image/"), (tag, attributes)
        if tag == "img":
            assert attributes["alt"].strip()
    styles = "".join(re.findall(r"<style>.*?</style>", html, re.S)) + "".join(
        a.get("style") or "" for _, a in page.tags
    )
    assert "url(" not in styles
    assert "@import" not in styles
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")
    assert not UNSEEN.search(html.replace("\n", ""))
    html.encode("utf-8")


def test_hostile_text_is_shown_not_obeyed():
    page = Parsed(as_html(REPORTS["hostile"]))
    assert "<script>alert(1)</script>" in page.words
    assert "⟨U+202E⟩gnp.exe⟨U+0007⟩" in page.words
    assert "{{ 7 * 7 }}" in page.words
    harmless = Parsed(as_html(report(photo("x.jpg"), finding="x", label="x", outside="x")))
    count = {"img": sum(tag == "img" for tag, _ in page.tags), "script": sum(tag == "script" for tag, _ in page.tags)}
    assert count == {"img": sum(tag == "img" for tag, _ in harmless.tags), "script": 0}


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=60))
def test_any_text_leaves_the_document_as_it_was(text):
    tags = [tag for tag, _ in Parsed(as_html(unreadable("x", "x"))).tags]
    html = as_html(unreadable(text, text))
    assert [tag for tag, _ in Parsed(html).tags] == tags
    assert not UNSEEN.search(html.replace("\n", ""))


@pytest.mark.parametrize("shot", ["\u202e", "\u2066", "\x1b[31m", "\x00", "\ud800", "\u200b", "\ufeff", "\u2028"])
def test_unseen_characters_are_named(shot):
    assert f"⟨U+{ord(shot[0]):04X}⟩" in plain(f"a{shot}b")


def test_plain_keeps_what_can_be_seen():
    assert plain("Žluťoučký שלום 写真 😀 a\tb\nc") == "Žluťoučký שלום 写真 😀 a b c"


def test_verdict_comes_first_then_evidence_by_weight_then_claims():
    words = Parsed(as_html(REPORTS["declared"])).words
    order = ["Declared generated, unverified", "What it is based on", "What would change it"]
    order += ["about spectrum?", "about eyes?", "about declarations?", "about jpeg?", "SHA-256", "Made with"]
    start = words.index("Photo inspection report")
    places = [words.index(text, start) for text in order]
    assert places == sorted(places)


@pytest.mark.parametrize("case", ["generated", "camera", "weak"])
def test_the_number_is_shown_also_where_inconclusive(case):
    shown = REPORTS[case]
    html = as_html(shown)
    assert signed(shown.verdict.log10_lr) in Parsed(html).words
    assert f'class="fx-needle fx-{page_of(shown).leaning}" style="left:{position(shown.verdict.log10_lr)}%"' in html
    assert shown.verdict.words in Parsed(html).words


def test_no_needle_where_nothing_was_weighed():
    html = as_html(REPORTS["silent"])
    assert 'class="fx-needle' not in html
    assert "nothing could be weighed" in html


@pytest.mark.parametrize(
    ("value", "percent"), [(-9, 0), (-4, 0), (-1, 37.5), (0, 50), (1, 62.5), (4, 100), (11, 100)]
)
def test_scale_reaches_from_minus_four_to_four(value, percent):
    assert position(value) == percent


def test_every_conclusion_has_a_heading_that_claims_no_more_than_it_may():
    assert set(HEADINGS) == set(Conclusion)
    for case in REPORTS:
        page = page_of(REPORTS[case])
        said = " ".join([page.heading, page.words, *page.based_on, *page.would_change]).lower()
        assert not re.search(r"\bfake|\bauthentic|\breal\b", said), said


def test_a_part_of_nothing_leans_neither_way():
    words = Parsed(as_html(report(eyes=-0.001))).words
    assert "0.00 leans neither way" in words
    assert "towards camera" not in words


def test_exhibits_are_lossless():
    page = Parsed(as_html(REPORTS["generated"]))
    sources = [a["src"] for tag, a in page.tags if tag == "img" and a["alt"].startswith("spectrum: ")]
    assert len(sources) == 1
    head, data = sources[0].split(",", 1)
    assert head == "data:image/png;base64"
    assert np.array_equal(np.array(Image.open(io.BytesIO(base64.b64decode(data)))), EXHIBIT)


def test_the_photo_is_shown_as_a_small_preview():
    big = np.random.default_rng(0).integers(0, 256, (1500, 3000, 3), dtype=np.uint8)
    shown = report(Photo.from_pixels(big, "big.png"))
    picture = page_of(shown).picture
    assert (picture.width, picture.height) == (900, 450)
    assert len(as_html(shown)) < 2_000_000


def test_marks_are_where_they_are_on_the_photo():
    html = as_html(REPORTS["generated"])  # 64x48 px, a mark at 16, 12 of 8x6
    assert 'title="1 left eye" style="left:25.0%;top:25.0%;width:12.5%;height:12.5%"' in html


@pytest.mark.parametrize(
    ("eyes", "spectrum", "told"),
    [
        (0.2, 2.0, "without it, the others add up to +0.20, which is inconclusive"),
        (None, 2.0, "only this detector's score was weighed"),
        (-0.5, 2.0, "the others do not lean this way"),
        (1.5, 2.0, "the others still lean this way"),
    ],
)
def test_says_what_hangs_on_the_strongest_detector(eyes, spectrum, told):
    changes = page_of(report(eyes=eyes, spectrum=spectrum)).would_change
    assert any("spectrum" in line and told in line for line in changes)


def test_unreadable_is_one_clear_page():
    words = Parsed(as_html(unreadable())).words
    assert "This file could not be examined" in words
    assert "The file is empty (0 bytes)." in words
    assert "ef" * 32 in words
    assert "likelihood" not in words


def test_folders_of_the_user_stay_private():
    assert "secret" not in as_html(unreadable("/home/secret/broken.jpg"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("../../etc/passwd", "passwd"),
        ("a b<c>.jpg", "a_b_c"),
        ("…", "photo"),
        ("..", "photo"),
        ("写真.png", "写真"),
        ("x" * 300 + ".jpg", "x" * 50),
        ("写" * 300, "写" * 50),
        ("\ud8ff\x00\n.jpg", "photo"),
    ],
)
def test_writes_one_file_with_a_safe_name(tmp_path: Path, name, stem):
    folder = tmp_path / "new" / "folder"
    path = write_html(unreadable(name), folder)
    assert path == folder / f"{stem}-efefefef.html"
    assert [p.name for p in folder.iterdir()] == [path.name]
    assert path.read_text(encoding="utf-8") == as_html(unreadable(name))


def test_two_photos_of_one_name_get_two_files(tmp_path: Path):
    light = Photo.from_pixels(np.full((9, 9, 3), 250, np.uint8), "a.png")
    dark = Photo.from_pixels(np.zeros((9, 9, 3), np.uint8), "a.png")
    assert write_html(report(light), tmp_path) != write_html(report(dark), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_that_is_no_text_still_gives_json():
    assert '"file": "a\\\\udcff.jpg"' in as_json([unreadable("a\udcff.jpg")]).encode("utf-8").decode()
