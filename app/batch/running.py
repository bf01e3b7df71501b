"""Processes that work on batches: started once each, found again after a reload, ended with the app."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading

from app.batch.store import Batch
from app.batch.work import DONE, FAILED, REFUSED, Progress, locked
from forensics.places import HOUSE

COMMAND = (sys.executable, "-P", "-m", "app.batch.work")
STOPPED = "stopped"
PATIENCE = 20.0  # seconds for a process to keep its rows and go

_processes: dict[str, subprocess.Popen] = {}
_one_at_a_time = threading.Lock()


def progress(batch: Batch) -> Progress:
    """Of the process at work; its last word when it is done; `stopped` if it was interrupted."""
    at_work = running(batch)  # before its last word is read
    told = Progress.read(batch)
    if not at_work and told.state not in (DONE, REFUSED, FAILED):
        told.state = STOPPED
    return told


def running(batch: Batch) -> bool:
    process = _processes.get(batch.id)
    if process and process.poll() is None:
        return True
    try:
        with locked(batch.home / "lock"):
            return False
    except BlockingIOError:
        return True
    except OSError:
        return False


def start(batch: Batch) -> None:
    """A process for it, if there is none."""
    with _one_at_a_time:
        if running(batch):
            return
        (batch.home / "progress.json").unlink(missing_ok=True)
        path = os.pathsep.join(filter(None, (str(HOUSE), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path}
        with (batch.home / "log").open("a") as log:
            _processes[batch.id] = subprocess.Popen(
                [*COMMAND, str(batch.home)], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


def stop(batch: Batch) -> None:
    """Ends our process for it and waits; its finished rows are kept."""
    process = _processes.pop(batch.id, None)
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@atexit.register
def stop_all() -> None:
    for process in _processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
