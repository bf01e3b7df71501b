"""What a person sees of a run: the progress line at any width, the lines of a log file, a log that is damaged."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console

from forensics.refusal import Refusal
from generators import watching
from generators.plan import Plan
from generators.snapshots import Place
from generators.watching import Watch, worded

PLAN = Plan("stylegan2-ada", Path("photos"), kimg=100.0)
MEASURES = {  # in the order in which StyleGAN2-ADA tells them
    "G loss": 0.9312,
    "PL loss": 0.0012,
    "path length": 1.2345,
    "D loss": 1.1789,
    "D real": 0.7654,
    "D fake": 0.7123,
    "ADA p": 0.2468,
    "r_t": 0.5432,
    "R1 loss": 0.0321,
    "R1 penalty": 0.0456,
}


@pytest.fixture
def clock(monkeypatch):
    """Seconds, for the watch and for rich; add to it to let time pass."""
    now = [1000.0]
    monkeypatch.setattr(watching.time, "monotonic", lambda: now[0])
    return now


def console_of(width: int, terminal: bool, clock: list[float]) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, get_time=lambda: clock[0])


def watched(console: Console, out: Path, clock: list[float], measures: dict[str, float] = MEASURES) -> Watch:
    """A watch that looked twice: 12,345 of 100,000 photos, 1,000 of them in the last 10 seconds."""
    watch = Watch(out, console=console)
    watch.begin(Place(0, 0), PLAN)
    for step, images in ((1, 11_345), (2, 12_345)):
        clock[0] += 10
        watch.look(Place(step, images), {name: torch.tensor(value) for name, value in measures.items()})
    return watch


def line_of(watch: Watch, width: int) -> str:
    shown = Console(file=io.StringIO(), width=width, record=True)
    shown.print(watch.progress.get_renderable())
    return shown.export_text().strip("\n")


@pytest.mark.parametrize("width", [60, 80, 120, 300])
def test_the_progress_line_says_what_matters_at_any_width(tmp_path, clock, width):
    line = line_of(watched(console_of(width, True, clock), tmp_path, clock), width)
    assert len(line.splitlines()) == 1
    assert len(line) <= width
    assert line.startswith("stylegan2-ada  12% 0:14:37 12.3 kimg · 100 images/s")
    assert ("…" in line) == (width < 300)
    if width >= 120:
        assert "ADA p 0.25 · r_t 0.54 · D real 77% · D fake 71% · G loss" in line


def test_a_log_file_is_told_the_share_and_the_time_left(tmp_path, clock):
    console = console_of(80, False, clock)
    watched(console, tmp_path, clock)
    lines = [line for line in console.file.getvalue().splitlines() if "kimg" in line]
    assert lines[0].startswith("11% · 11.3 kimg · 1134 images/s · ADA p")  # one look alone tells no pace
    assert lines[1].startswith("12% · 0:14:37 left · 12.3 kimg · 100 images/s · ADA p 0.25 · r_t 0.54 · D real 77%")


def test_families_without_a_discriminator_keep_their_order(tmp_path, clock):
    told = {"VAE loss": 1.0, "KL": 2.0, "error": 3.0}
    line = line_of(watched(console_of(200, True, clock), tmp_path, clock, told), 200)
    assert " · ".join(map(worded, told, told.values())) in line


def test_a_damaged_log_loses_its_bad_lines_only(tmp_path, clock):
    rows = [{"step": step, "kimg": step, "snapshot": f"{step}.safetensors"} for step in (1, 2, 9)]
    good = [json.dumps(row) for row in rows]
    bad = ["{half", '{"kimg": 3}', "[1]", "null", '{"step": "2"}', "\0\0\0", "[" * 100_000]
    content = "\n".join([good[0], *bad, good[1], good[2], '{"step": 2, "warn']).encode()
    (tmp_path / "log.jsonl").write_bytes(content.replace(b"[1]", b"\xff[1]"))
    console = console_of(200, False, clock)
    found = Watch(tmp_path, console=console).begin(Place(2, 2000), PLAN)
    assert found == rows[:2]  # step 9 is taken again
    assert (tmp_path / "log.jsonl").read_text().splitlines() == good[:2]
    said = console.file.getvalue()
    assert "warning:" in said
    assert "7 lines; the first: 2" in said.replace("\n", "")


def test_a_whole_log_goes_on_without_a_word(tmp_path, clock):
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"step": 2, "warni')
    console = console_of(80, False, clock)
    assert Watch(tmp_path, console=console).begin(Place(1, 64), PLAN) == [{"step": 1}]
    assert console.file.getvalue() == ""


def test_what_diverged_is_said_with_what_may_be_the_cause(tmp_path, clock):
    with pytest.raises(
        Refusal, match=r"step 1 \(D loss is not a number\): the lr is too high, or a loss weight is too"
    ):
        watched(console_of(80, False, clock), tmp_path, clock, {"D loss": float("nan"), "G loss": 1.0})
    assert "a loss weight" in json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["warning"]
