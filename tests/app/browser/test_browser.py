"""The real app with the real panel in a real browser: a verdict, and not one request to another host."""

from __future__ import annotations

import re
import signal
from urllib.parse import urlsplit

from tests.app.browser.watched import HERE, others


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
