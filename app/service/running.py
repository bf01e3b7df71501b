"""The service as a process: it listens, and at SIGTERM or Ctrl-C finishes the photos that it has."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn

from app.service.api import service
from app.service.door import Door
from app.service.limits import Limits
from forensics.refusal import Refusal
from forensics.scan import Examiners

IDLE = 5  # seconds for which a silent connection is kept
HEADERS = 32 * 1024  # bytes of a request before its body
BESIDE = 100  # connections beside those that have a seat: health, metrics, refusals


def run(load: Callable[[], Examiners], limits: Limits, door: Door, host: str, port: int) -> None:
    """Until SIGTERM or Ctrl-C. Raises Refusal when the port is taken or the models cannot be loaded."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("app.service").setLevel(logging.INFO)
    refusals: list[Refusal] = []

    def give_up(refusal: Refusal) -> None:
        refusals.append(refusal)
        server.should_exit = True

    listening = bound(host, port)
    config = uvicorn.Config(
        service(load, limits, door, give_up),
        http="h11",
        ws="none",
        access_log=False,  # its lines would hold the names of photos
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=limits.seats + BESIDE,
        h11_max_incomplete_event_size=HEADERS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(limits.seconds) + IDLE,
    )
    server = uvicorn.Server(config)
    before = {sent: signal.signal(sent, lambda *_: None) for sent in (signal.SIGTERM, signal.SIGINT)}
    try:  # uvicorn sends itself the signal once more at its end, which here has been obeyed by then
        address, port = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        sys.stderr.write(f"http://{shown}:{port}/inspect takes photos once /ready says so\n")
        sys.stderr.flush()
        server.run(sockets=[listening])
    finally:
        listening.close()
        for sent, handler in before.items():
            signal.signal(sent, handler)
    if refusals:
        raise refusals[0]


def bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named TCP, or asyncio leaves Nagle on
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
        listening.listen(BESIDE)
        return listening
    except (OSError, OverflowError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or str(error)
        raise Refusal(f"{host}:{port} cannot be used ({why}); choose another with --port or --host") from None
