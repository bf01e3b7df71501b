"""Three journeys in a real browser: one photo to a PDF, a ZIP of thirty to a CSV, two files compared.

No other host is asked and the console stays silent. Screenshots, light and dark, wide and narrow, are kept in
$JOURNEYS, or in runs/journeys.
"""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image, ImageEnhance

from forensics.places import RUNS
from tests.app.browser.watched import others

pytestmark = pytest.mark.slow
SHOTS = Path(os.environ.get("JOURNEYS", RUNS / "journeys")).absolute()
PHOTOS = 30


def shoot(page, name: str) -> None:
    """The page as it is now, in each look."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 1600})
            page.wait_for_timeout(800)
            page.screenshot(path=SHOTS / f"{name}-{scheme}-{width}.png")
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 1, f"{name} at {width} px is {wider} px wider than the window"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})


def visit(page, server, name: str) -> None:
    """By the front page and its menu: opened directly, Streamlit's own probes fail in the console."""
    page.goto(server.url)
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, level=1).wait_for()  # not the front page's, which goes last


def taken(page, name: str, folder: Path) -> bytes:
    """What a download button gives."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path.read_bytes()


def quiet(page) -> None:
    assert others(page) == set()
    assert page.errors == []
    assert page.locator("img:not([alt])").count() == 0


def test_one_photo_to_a_pdf(server, page, portrait_file, tmp_path):
    page.goto(server.url)
    page.locator("input[type=file]").set_input_files(portrait_file)
    page.get_by_role("heading", name="Evidence, strongest first").wait_for()
    verdict = page.locator(".fx-card h2").first.inner_text()
    shoot(page, "inspect")
    page.get_by_role("button", name="Save as a case").first.click()
    page.get_by_text(re.compile("Saved as case 1")).first.wait_for()
    page.get_by_role("link", name="Cases", exact=True).click()
    page.get_by_role("heading", name="Cases", level=1).wait_for()
    shoot(page, "cases")
    page.get_by_role("button", name="Open", exact=True).last.click()  # the first is the filter's
    page.get_by_role("textbox", name="What you found, and where").fill("The eyes match. <b>Not bold</b>.")
    page.get_by_role("button", name="Save the notes").click()
    page.get_by_text("The notes are saved").wait_for()
    shoot(page, "case")
    page.get_by_role("tab", name="Take it along").click()
    pdf = taken(page, "PDF", tmp_path)
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) > 20_000
    assert verdict
    quiet(page)


def zipped(portrait: Path, scene: Path) -> bytes:
    """Thirty photos, all different, from two that a dependency carries."""
    sources = [Image.open(path).convert("RGB") for path in (portrait, scene)]
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for number in range(PHOTOS):
            image = sources[number % 2].resize((300 + 4 * number, 340))
            image = ImageEnhance.Brightness(image).enhance(0.8 + number / 60)
            data = io.BytesIO()
            image.save(data, "JPEG", quality=90)
            archive.writestr(f"photos/{number:02d}.jpg", data.getvalue())
    return buffer.getvalue()


def test_a_zip_of_thirty_to_a_csv(server, page, portrait_file, scene_file, tmp_path):
    visit(page, server, "Many photos")
    source = tmp_path / "thirty.zip"
    source.write_bytes(zipped(portrait_file, scene_file))
    page.locator("input[type=file]").set_input_files(source)
    page.get_by_text("thirty.zip").wait_for()
    page.get_by_role("button", name="Examine the ZIP").click()
    page.get_by_role("button", name="CSV", exact=True).wait_for()
    shoot(page, "batch")
    rows = list(csv.DictReader(io.StringIO(taken(page, "CSV", tmp_path).decode("utf-8-sig"))))
    assert len(rows) == PHOTOS
    assert len({tuple(row.values()) for row in rows}) == PHOTOS
    quiet(page)
    page.reload()  # it goes on, or is still there, after a reload
    page.get_by_role("button", name="CSV", exact=True).wait_for()
    page.get_by_role("button", name="Delete this batch").click()
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_role("button", name="Examine the ZIP").wait_for()
    assert not list((server.folder / "runs" / "batches").glob("*/*.jpg"))


def test_two_files_compared(server, page, portrait_file, tmp_path):
    visit(page, server, "Compare two files")
    smaller = tmp_path / "smaller.jpg"
    image = Image.open(portrait_file).convert("RGB")
    image.resize((image.width * 3 // 4, image.height * 3 // 4)).save(smaller, "JPEG", quality=80)
    inputs = page.locator("input[type=file]")
    inputs.nth(0).set_input_files(portrait_file)
    page.get_by_text(portrait_file.name).first.wait_for()
    inputs.nth(1).set_input_files(smaller)
    page.get_by_text("The same picture, stored anew").wait_for()
    page.get_by_text("What the files say of themselves").wait_for()
    shoot(page, "compare")
    slider = page.locator("input[type=range]").first
    slider.focus()
    before = slider.input_value()
    slider.press("ArrowRight")
    assert slider.input_value() != before
    quiet(page)


OTHERS = {
    "generators": "Generators",
    "benchmarks": "Benchmarks",
    "cards": "Model cards and limits",
    "guide": "Guide",
    "guess": "Can you tell?",
}


@pytest.mark.parametrize("short", OTHERS)
def test_all_other_pages_open(server, page, short):
    visit(page, server, OTHERS[short])
    page.wait_for_timeout(6000)
    shoot(page, short)
    assert page.locator("[data-testid=stException]").count() == 0
    quiet(page)
