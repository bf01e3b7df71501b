"""How a service begins and ends: photos that it took are finished, its workers go with it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from forensics.places import HOUSE
from tests.app.service.served import CRASHES, START, photo


def test_at_sigterm_running_photos_finish(serving):
    served = serving({"waiting": 2, "seconds": 30.0}, panel={"pause": 0.8}).wait()
    workers = served.children()
    assert workers
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(served.post, photo()) for _ in range(2)]  # one runs, one waits
        end = time.monotonic() + 20
        while served.metric("forensics_seats_taken") < 2:
            assert time.monotonic() < end
        served.process.send_signal(signal.SIGTERM)
        assert [got.result().status_code for got in asked] == [200, 200]
    assert served.process.wait(20) == 0
    assert "Traceback" not in served.log.read_text()
    end = time.monotonic() + 5  # Python's own watcher of shared memory leaves a moment later
    while left := [pid for pid in workers if running(pid)]:
        assert time.monotonic() < end, left
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(("how", "word"), [("refuse", "make weights"), ("die", "memory")])
def test_models_that_cannot_be_loaded_end_it_with_one_line(serving, how, word):
    code = START.replace('partial(standin_panel.load, **given["panel"])', f"standin_panel.{how}")
    code = code.replace("\nrun(", "\nfrom app.cli import run as tell\ntell(lambda: run(") + ")"
    served = serving({"workers": 2}, code=code)
    assert served.process.wait(60) == 2, served.log.read_text()
    last = served.log.read_text().strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert word in last
    assert "Traceback" not in served.log.read_text()


def test_weights_that_vanish_while_it_runs_are_waited_for(serving, tmp_path):
    here = f"sys.path.insert(0, {str(Path(__file__).parent)!r}); import vanishing; import app.service.desks as desks"
    code = START.replace("import standin_panel", f"{here}; desks.AGAIN = 0.2")
    served = serving(
        panel={"folder": str(tmp_path)}, code=code.replace("standin_panel.load", "vanishing.load")
    ).wait()
    (tmp_path / "gone").touch()
    assert served.post(photo(CRASHES)).status_code == 500
    end = time.monotonic() + 20
    while "make weights" not in served.client.get("/ready").text:
        assert time.monotonic() < end
        time.sleep(0.05)
    got = served.post(photo())
    assert (got.status_code, got.headers["retry-after"]) == (503, "5")
    assert "make weights" in got.json()["detail"]
    (tmp_path / "gone").unlink()
    assert served.wait().post(photo()).status_code == 200


def test_a_taken_port_is_refused(small, monkeypatch):
    monkeypatch.delenv("FORENSICS_API_KEY", raising=False)
    said = CliRunner().invoke(app, ["serve", "--port", small.url.rsplit(":", 1)[1]])
    assert "choose another with --port" in str(said.exception)


def test_without_the_extra_it_says_what_to_install():
    code = "import sys; sys.modules['fastapi'] = None; sys.argv[1:] = ['serve']; from app.cli import main; main()"
    said = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=HOUSE, env={"PYTHONPATH": str(HOUSE)}, capture_output=True, text=True
    )
    assert said.returncode == 2
    assert said.stderr.strip() == ("error: forensics serve needs fastapi: pip install 'deepfake-forensics[service]'")


def test_the_command_line_starts_without_it():
    code = "import sys, app.cli; print([m for m in ('fastapi', 'uvicorn', 'prometheus_client') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
