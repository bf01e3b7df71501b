"""Services on loopback for these tests; none outlives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from forensics.places import HOUSE
from tests.app.service.served import START, Served

SMALL = {"most": 200_000, "seconds": 3.0, "workers": 1, "waiting": 1}


@pytest.fixture(scope="session")
def serving(tmp_path_factory) -> Iterator[Callable[..., Served]]:
    """Starts services; all are gone afterwards."""
    started: list[Served] = []

    def start(limits: dict | None = None, panel: dict | None = None, door: dict | None = None, code: str = START):
        given = json.dumps({"limits": limits or {}, "panel": panel or {}, "door": door or {}})
        log = tmp_path_factory.mktemp("service") / "log"
        environment = {**os.environ, "PYTHONPATH": str(HOUSE)}
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", code, given], env=environment, stdout=out, stderr=out
            )
        started.append(Served(process, log))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


@pytest.fixture(scope="session")
def small(serving) -> Served:
    """One worker, one seat to wait on, three seconds a photo, 200 kB."""
    return serving(SMALL).wait()
