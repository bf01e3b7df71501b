"""Who may come in: programs that know the key, by a name that is ours, and no web page of somebody else's."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

VARIABLE = "FORENSICS_API_KEY"
SHORTEST = 16  # characters of a key; shorter ones can be guessed
LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
FOREIGN = (b"cross-site", b"same-site")


@dataclass(frozen=True)
class Door:
    """`hosts`: the names by which requests may call this service. `key` None: everybody on this machine may ask."""

    hosts: tuple[str, ...] = LOOPBACK
    key: str | None = field(default=None, repr=False)

    def fits(self, key: str) -> bool:
        return hmac.compare_digest(key.encode(), (self.key or "").encode())


def door(host: str, names: list[str], key_file: Path | None) -> Door:
    """Raises Refusal for a key that is none, and for a service open to others without one."""
    key = chosen_key(key_file)
    if host not in LOOPBACK and key is None:
        raise Refusal(
            f"--host {host}: others than this machine could send photos; set a key of {SHORTEST} characters or more "
            f"in {VARIABLE} or --key-file, or leave --host at 127.0.0.1"
        )
    for name in names:
        if not name or any(c in "*/ " for c in name):
            raise Refusal(f"--name {name}: give one host name, without a port, such as forensics.example.org")
    return Door((*LOOPBACK, host, *names), key)


def chosen_key(key_file: Path | None) -> str | None:
    """From the file, else from the environment, else none."""
    if key_file is not None:
        try:
            key = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Refusal(f"--key-file {key_file}: cannot be read ({why}); name a file with one line") from None
        where = f"--key-file {key_file}"
    else:
        key, where = os.environ.get(VARIABLE, "").strip(), VARIABLE
        if VARIABLE not in os.environ:
            return None
    if len(key) < SHORTEST or not (key.isascii() and key.isprintable()) or " " in key:
        raise Refusal(f"{where}: a key has {SHORTEST} or more letters, digits or signs, all ASCII, on one line")
    return key


class NoForeignPages:
    """Browsers say when another site's page makes them ask; there is nothing here for it, and no CORS."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and dict(scope["headers"]).get(b"sec-fetch-site") in FOREIGN:
            from app.service.problems import Problem

            response = Problem(403, "web pages of other sites may not use this service").response()
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)
