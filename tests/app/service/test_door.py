"""Who may come in, and what the service tells of those who did."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest
from fastapi import FastAPI

from app.service.api import service
from app.service.door import Door, door
from app.service.limits import Limits
from forensics.refusal import Refusal
from tests.app.service.served import photo

KEY = "0123456789abcdef-KEY"


def ask(app: FastAPI, method: str, path: str, **given) -> httpx.Response:
    """In this process, without workers: the models are never loaded."""

    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, **given)

    return asyncio.run(asked())


@pytest.fixture(scope="module")
def locked() -> FastAPI:
    return service(tuple, Limits(), Door(key=KEY))


@pytest.mark.parametrize("sent", [None, "Bearer ", "Bearer wrong", f"Bearer {KEY}x", f"Basic {KEY}", "Bearer ä"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/inspect"), ("GET", "/metrics"), ("POST", "/inspect?bad=1")])
def test_without_the_key_there_is_nothing(locked, method, path, sent):
    headers = [] if sent is None else [(b"authorization", sent.encode())]
    got = ask(locked, method, path, headers=headers, content=b"x" * 100)
    assert got.status_code == 401
    assert got.headers["www-authenticate"] == "Bearer"
    assert KEY not in got.text


def test_with_the_key(locked):
    headers = {"Authorization": f"Bearer {KEY}"}
    assert ask(locked, "GET", "/metrics", headers=headers).status_code == 200
    loading = ask(locked, "POST", "/inspect", headers=headers, content=b"x")
    assert (loading.status_code, loading.headers["retry-after"]) == (503, "5")
    assert "loading" in loading.json()["detail"]


def test_before_the_models_are_loaded_it_is_alive_but_not_ready(locked):
    assert ask(locked, "GET", "/health").status_code == 200
    assert ask(locked, "GET", "/ready").status_code == 503


def test_key_from_file_or_environment(tmp_path, monkeypatch):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    monkeypatch.setenv("FORENSICS_API_KEY", "environment-key-1")
    assert door("127.0.0.1", [], None).fits("environment-key-1")
    assert door("127.0.0.1", [], file).fits(KEY)
    assert not door("127.0.0.1", [], file).fits("environment-key-1")
    assert KEY not in repr(door("127.0.0.1", [], file))
    monkeypatch.delenv("FORENSICS_API_KEY")
    assert door("127.0.0.1", [], None).key is None


@pytest.mark.parametrize("key", ["", "short", "0123456789 abcdef", "ñ" * 20, "0123456789abcdef\nsecond"])
def test_keys_that_are_none(tmp_path, monkeypatch, key):
    file = tmp_path / "key"
    file.write_text(key)
    with pytest.raises(Refusal, match="16 or more"):
        door("127.0.0.1", [], file)
    monkeypatch.setenv("FORENSICS_API_KEY", key)
    with pytest.raises(Refusal, match="FORENSICS_API_KEY"):
        door("127.0.0.1", [], None)


def test_open_to_others_only_with_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("FORENSICS_API_KEY", raising=False)
    for host in ("0.0.0.0", "::", "192.168.1.5"):
        with pytest.raises(Refusal, match="set a key"):
            door(host, [], None)
    with pytest.raises(Refusal, match="cannot be read"):
        door("127.0.0.1", [], tmp_path / "nowhere")
    with pytest.raises(Refusal, match="--name"):
        door("127.0.0.1", ["*"], None)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:80@evil.example", ""])
def test_other_names_are_refused(small, host):
    got = small.client.get("/health", headers={"Host": host})
    assert got.status_code == 400


def test_a_page_of_another_site_may_not_ask(small):
    got = small.client.post("/inspect", content=photo(), headers={"Sec-Fetch-Site": "cross-site"})
    assert got.status_code == 403
    answered = small.client.get("/health", headers={"Origin": "https://evil.example"})
    assert not [name for name in answered.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/docs/oauth2-redirect", "/", "/inspect/", "/static"])
def test_no_page_loads_scripts_from_elsewhere(small, path):
    assert small.client.get(path).status_code in (404, 405)


def test_nothing_is_told_of_photos(small):
    data, name = photo(grey=77), "Ana-secreta-7f3.png"
    got = small.client.post("/inspect", files={"photo": (name, data)}, params={"name": name})
    assert got.json()["file"] == name
    small.client.get(f"/{name}")
    metrics, log = small.client.get("/metrics").text, small.log.read_text()
    assert 'forensics_photos_total{conclusion="' in metrics
    assert "POST /inspect 200" in log
    for told in (name, "secreta", hashlib.sha256(data).hexdigest()):
        assert told not in metrics
        assert told not in log
    assert got.headers["cache-control"] == "no-store"
    assert "server" not in got.headers
