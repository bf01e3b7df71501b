"""Case stores to test: a SQLite file, and a database of a real PostgreSQL that is started for these tests."""

from __future__ import annotations

import getpass
import io
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from app.cases import changes
from app.cases.store import Store
from forensics.calibration import Calibration, Domain, Line
from forensics.evidence import Evidence, Mark
from forensics.inspection import inspect_file
from forensics.report import Report
from forensics.shown import page_of

NUMBERS = count()


class Glance:
    """Scores how bright the photo is, and shows it."""

    name = "glance"
    question = "Is it bright?"
    scores = True
    weights = "a" * 64

    def examine(self, photo):
        bright = float(photo.luminance.mean())
        exhibit = np.full((8, 8, 3), int(bright), np.uint8)
        return Evidence(self.name, bright / 7, f"Mean {bright:.0f}.", (Mark("a corner", 0, 0, 1, 1),), exhibit)


PANEL = (Glance(),)
CALIBRATION = Calibration({"glance": Line(2.0, 0.0, 900)}, Domain(min_side=1, min_face=1), 900, 900, conflict=9)


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(grey).integers(0, 40, (12, 16, 3))
    Image.fromarray((noise + grey).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def report(data: bytes, name: str = "a.png") -> Report:
    return inspect_file(data, PANEL, CALIBRATION, name)


def save(store: Store, grey: int = 100, name: str = "a.png", who: str = "ana") -> int:
    """A case of a small photo."""
    made = report(png(grey), name)
    return changes.save(store, who, png(grey), made.as_dict(), page_of(made))[0]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Gives the URL of a new, empty database at each call."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    if not found[-1].is_file():
        pytest.skip("no PostgreSQL on this machine (Debian: apt install postgresql): its tests did NOT run")
    user = getpass.getuser() if os.getuid() else next(n for n in ("postgres", "nobody") if known(n))
    as_user = {} if os.getuid() else {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may not be long
    if not os.getuid():
        shutil.chown(folder, user)
    data = folder / "data"
    binaries = found[-1].parent
    said = {"capture_output": True, "text": True, "cwd": folder, **as_user}
    made = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "house", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        **said,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    options = ["-k", folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, *options], stdout=log, stderr=log, cwd=folder, **as_user
        )
    import psycopg

    for _ in range(100):
        try:
            link = psycopg.connect(host=str(folder), user="house", dbname="postgres", autocommit=True)
            break
        except psycopg.OperationalError:
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)

    def new() -> str:
        name = f"cases{next(NUMBERS)}"
        link.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://house@/{name}?host={folder}"

    new.data = data
    new.checkpoint = lambda: link.execute("CHECKPOINT")
    yield new
    link.close()
    server.send_signal(signal.SIGINT)
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


def known(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except KeyError:
        return False


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "kept" / "cases.sqlite")
    return request.getfixturevalue("postgres")()


@pytest.fixture
def store(place) -> Iterator[Store]:
    opened = Store.open(place)
    yield opened
    opened.engine.dispose()


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """What stands for a photo, its report and a saved case; and the panel that made them."""
    return SimpleNamespace(png=png, report=report, save=save, panel=PANEL, calibration=CALIBRATION)
