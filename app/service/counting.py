"""What the service says of its work: Prometheus metrics, and one line a request. No names, no hashes, no photos."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from app.service.desks import Desks

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = ("/inspect", "/health", "/ready", "/metrics", "/openapi.json")
BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 2, 4, 8, 16, 32, 64, 128, 256)
log = logging.getLogger("app.service")


class Counts:
    """One service's metrics."""

    def __init__(self, desks: Desks):
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "forensics_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "forensics_request_seconds", "From request to answer.", ["path"], buckets=BUCKETS, registry=self.registry
        )
        self.photos = Counter(
            "forensics_photos",
            "Photos by conclusion; unreadable, late, crashed and failed ones too.",
            ["conclusion"],
            registry=self.registry,
        )
        for name, what, value in (
            ("forensics_queue_length", "Photos that wait for a worker.", lambda: desks.waiting),
            ("forensics_seats_taken", "Requests for a photo that are being served.", lambda: desks.taken),
            ("forensics_ready", "1 when models are loaded.", lambda: int(desks.ready)),
        ):
            Gauge(name, what, registry=self.registry).set_function(value)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class Counted:
    """Around everything else: each answer is counted, timed, logged, and kept in nobody's cache."""

    def __init__(self, app: ASGIApp, counts: Counts):
        self.app, self.counts = app, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        began, status = time.monotonic(), 500
        path = scope["path"] if scope["path"] in PATHS else "other"  # a path may hold anything, a label may not

        async def telling(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            await self.app(scope, receive, telling)
        finally:
            took = time.monotonic() - began
            self.counts.requests.labels(path, status).inc()
            self.counts.seconds.labels(path).observe(took)
            log.info("%s %s %d %.3f s", scope["method"][:8], path, status, took)
