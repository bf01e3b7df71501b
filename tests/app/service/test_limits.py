"""Every limit, hit for real: the answer says what is allowed, and the next photo gets its verdict."""

from __future__ import annotations

import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.app.service.served import CRASHES, HANGS, Served, memory, photo

PROBLEM = "application/problem+json"


@pytest.fixture(autouse=True)
def verdicts_go_on(small):
    """Whatever a test did to the service, the next photo gets its verdict."""
    yield
    end = time.monotonic() + 20
    while (got := small.post(photo())).status_code in (429, 503, 504):  # a worker is being replaced
        assert time.monotonic() < end, got.text
        time.sleep(0.1)
    assert (got.status_code, got.json()["status"]) == (200, "ok")


def refused(got, status: int, *words: str) -> None:
    assert got.status_code == status, got.text
    assert got.headers["content-type"] == PROBLEM
    told = got.json()
    assert told["status"] == status
    for word in words:
        assert word in told["detail"]


def claimed(width: int, height: int) -> bytes:
    """A PNG that claims a size, and has next to no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def test_bytes(small):
    over, most = b"x" * 200_001, b"x" * 200_000
    refused(small.post(over), 413, "200,000 bytes")
    refused(small.client.post("/inspect", files={"photo": ("a.png", over)}), 413, "200,000 bytes")
    refused(small.client.post("/inspect", files={"photo": ("a.png", b"x" * 400_000)}), 413, "200,000 bytes")
    assert small.post(most).status_code == 422
    assert small.client.post("/inspect", files={"photo": ("a.png", most)}).status_code == 422


@pytest.mark.parametrize("kind", ["image/png", "multipart/form-data; boundary=b"])
def test_a_body_without_end_is_not_kept(small, kind):
    before = memory(small.process.pid, "VmHWM")
    head = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="x"\r\n\r\n'

    def pieces():
        yield head if "boundary" in kind else b""
        for _ in range(64):
            yield bytes(2**20)

    refused(small.client.post("/inspect", content=pieces(), headers={"Content-Type": kind}), 413)
    assert memory(small.process.pid, "VmHWM") - before < 8, "64 MB were sent, 0.2 MB are allowed"


def test_pixels(small):
    got = small.post(claimed(60_000, 60_000))
    assert got.status_code == 422
    assert got.json()["status"] == "unreadable"
    assert "at most 120" in got.json()["reason"]


def test_a_crash_is_told(small):
    before = small.metric('forensics_photos_total{conclusion="crashed"}')
    refused(small.post(photo(CRASHES)), 500, "SIGSEGV")
    assert small.metric('forensics_photos_total{conclusion="crashed"}') == before + 1


def test_time_and_queue(small):
    """A photo that hangs has the only worker, the next has the only seat, a third finds none."""
    with ThreadPoolExecutor(2) as pool:
        hung = pool.submit(small.post, photo(HANGS))
        until(lambda: small.metric("forensics_seats_taken") == 1)
        waits = pool.submit(small.post, photo())
        until(lambda: small.metric("forensics_queue_length") == 1)
        third = small.post(photo())
        refused(third, 429, "2 photos")
        assert 1 <= int(third.headers["retry-after"]) <= 60
        assert small.client.get("/health").json() == {"alive": True}
        refused(hung.result(), 504, "3 s")
        if (late := waits.result()).status_code != 200:  # 200: the worker was replaced in time
            refused(late, 503, "try again")
            assert late.headers["retry-after"]
    assert small.metric('forensics_photos_total{conclusion="late"}') >= 1


def test_an_upload_that_never_ends(small):
    with dialled(small, length=1000) as line:
        line.sendall(b"\x89PNG")
        assert b" 408 " in line.recv(4096).split(b"\r\n")[0]


def test_a_sender_who_goes_away_leaves_no_seat_taken(small):
    for _ in range(5):
        dialled(small, length=1000).close()
    until(lambda: small.metric("forensics_seats_taken") == 0)


def test_a_photo_that_waits_is_forgotten_when_its_sender_hangs_up(small):
    with ThreadPoolExecutor(1) as pool:
        hung = pool.submit(small.post, photo(HANGS))
        until(lambda: small.metric("forensics_seats_taken") == 1)
        data = photo(grey=99)
        with dialled(small, length=len(data)) as line:
            line.sendall(data)
            until(lambda: small.metric("forensics_seats_taken") == 2)
        until(lambda: small.metric("forensics_seats_taken") == 1, seconds=1)
        assert not hung.done()
        refused(hung.result(), 504)


def test_headers_without_end(small):
    before = memory(small.process.pid, "VmHWM")
    host, port = small.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nX: ")
        with pytest.raises(OSError, match=r"reset|pipe"):  # closed from the other end
            line.sendall(bytes(64 * 2**20))
    assert memory(small.process.pid, "VmHWM") - before < 8


def test_many_at_once_each_get_one_of_the_documented_answers(small):
    barrier = threading.Barrier(8)

    def one(_):
        barrier.wait()
        return small.post(photo()).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(one, range(8)))
    assert set(statuses) <= {200, 429}
    assert 200 in statuses


def dialled(served: Served, length: int) -> socket.socket:
    host, port = served.url.removeprefix("http://").split(":")
    line = socket.create_connection((host, int(port)), timeout=20)
    head = f"POST /inspect HTTP/1.1\r\nHost: {host}\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n"
    line.sendall(head.encode())
    return line


def until(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
