"""Whom a page asked."""

from __future__ import annotations

from urllib.parse import urlsplit

HERE = "127.0.0.1"


def others(page) -> set[str]:
    """Hosts that the page asked besides the app's own."""
    asked = {urlsplit(url) for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert len(asked) > 5
    return {url.hostname for url in asked} - {HERE}
