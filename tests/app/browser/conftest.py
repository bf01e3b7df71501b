"""The real app with the real panel in a real browser, which remembers whom it asked and what went wrong."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest

from forensics.places import HOUSE
from tests.app.browser.watched import HERE

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


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
    process.url, process.log, process.folder = f"http://{HERE}:{port}", log, folder
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
