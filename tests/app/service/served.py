"""A service on loopback, in a process of its own, with the stand-in panel of tests/forensics/standin_panel.py."""

from __future__ import annotations

import io
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from forensics.places import HOUSE

STANDINS = HOUSE / "tests" / "forensics"
START = f"""
import json, sys
sys.path.insert(0, {str(STANDINS)!r})
from functools import partial
import standin_panel
from app.service.door import Door
from app.service.limits import Limits
from app.service.running import run
given = json.loads(sys.argv[1])
run(partial(standin_panel.load, **given["panel"]), Limits(**given["limits"]), Door(**given["door"]), "127.0.0.1", 0)
"""
REAL = START.replace("import standin_panel", "from app.commands.scan import load; from forensics.places import *")
REAL = REAL.replace('standin_panel.load, **given["panel"]', "load, DETECTOR_WEIGHTS")  # the panel that ships
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
PLAIN, CRASHES, HANGS = (9, 9, 9), (255, 0, 0), (0, 255, 0)


def photo(first: tuple[int, int, int] = PLAIN, grey: int = 120) -> bytes:
    """What the first pixel asks of the stand-in: see there."""
    pixels = np.full((12, 12, 3), grey, np.uint8)
    pixels[0, 0] = first
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Served:
    process: subprocess.Popen
    log: Path
    url: str = ""
    client: httpx.Client = field(init=False)

    def wait(self, ready: bool = True, seconds: float = 90) -> Served:
        end = time.monotonic() + seconds
        while not (found := ADDRESS.search(self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "no address"
            time.sleep(0.05)
        self.url = found.group()
        self.client = httpx.Client(base_url=self.url, timeout=seconds, trust_env=False)
        while ready and self.client.get("/ready").status_code != 200:
            assert time.monotonic() < end, "never ready"
            time.sleep(0.05)
        return self

    def post(self, data: bytes, client: httpx.Client | None = None, **asked: object) -> httpx.Response:
        kind = {"Content-Type": "image/png"}
        return (client or self.client).post("/inspect", content=data, headers=kind, params=asked)

    def metric(self, line: str) -> float:
        """The value of one line of /metrics; 0 when it was never counted."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.client.get("/metrics").text, re.MULTILINE)
        return float(found.group(1)) if found else 0.0

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def memory(pid: int, line: str) -> float:
    """MB, from a line of /proc/PID/status: VmRSS now, VmHWM at most so far."""
    return int(re.search(rf"{line}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024
