"""The real app with the real panel in a real browser: a verdict, and not one request to another host."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from forensics.places import HOUSE

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The app, started from an empty folder that has nothing to do with the project."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-c", f"from app.commands.serve import app; app(port={port})"]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE), "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT)
    process.url, process.log = f"http://{HERE}:{port}", log
    for _ in range(300):
        try:
            with urlopen(f"{process.url}/_stcore/health", timeout=1):
                break
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium): the browser test did NOT run")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    """A page that remembers which hosts it asked, and which errors it saw."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.asked, opened.errors = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("websocket", lambda socket: opened.asked.append(socket.url))
    opened.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.set_default_timeout(120_000)  # a busy machine is no failure
    yield opened
    opened.close()


def others(page) -> set[str]:
    """Hosts that the page asked besides the app's own."""
    asked = {urlsplit(url) for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert len(asked) > 5
    return {url.hostname for url in asked} - {HERE}


def test_a_portrait_gets_its_verdict_and_no_other_host_is_asked(server, page, portrait_file, tmp_path):
    page.goto(server.url)
    page.get_by_role("heading", name="Inspect photos").wait_for()
    page.locator("input[type=file]").set_input_files(portrait_file)
    page.get_by_role("heading", name="The file", exact=True).wait_for()  # the last thing drawn
    card = page.locator(".fx-card").inner_text()
    assert portrait_file.name in card
    assert re.search(r"log10 likelihood ratio [+−]?\d", card)
    assert re.search("Inconclusive|Supports|Declared", card)
    assert not re.search(r"\bfake\b|\bauthentic\b", card.lower())
    assert page.locator(".fx-evidence").count() >= 5
    assert page.locator("img:not([alt])").count() == 0
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    report = tmp_path / download.value.suggested_filename
    download.value.save_as(report)
    assert others(page) == set()
    assert page.errors == []

    page.asked.clear()
    page.goto(report.as_uri())
    assert page.locator(".fx-card h2").inner_text() in card
    assert [url for url in page.asked if not url.startswith(("file:", "data:"))] == []
    assert page.errors == []


def test_benchmarks_open_and_no_other_host_is_asked(server, page):
    page.goto(server.url)
    page.get_by_role("link", name="Benchmarks").click()
    page.get_by_role("heading", name="Benchmarks", level=1).wait_for()
    page.locator(".fx-grid, .fx-card").first.wait_for()
    assert others(page) == set()
    assert page.errors == []


def test_another_hosts_name_is_turned_away(server, browser):
    """DNS rebinding: a page elsewhere that points its own name at 127.0.0.1 gets no session."""
    from http.client import HTTPConnection

    link = HTTPConnection(HERE, urlsplit(server.url).port, timeout=5)
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Host": "evil.example",
        "Origin": "http://evil.example",
    }
    link.request("GET", "/_stcore/stream", headers=upgrade)
    assert link.getresponse().status != 101


def test_ctrl_c_ends_it_quietly(server):
    server.send_signal(signal.SIGINT)
    assert server.wait(timeout=60) == 0
    assert "Traceback" not in server.log.read_text()
