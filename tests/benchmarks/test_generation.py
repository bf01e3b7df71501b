"""Generators are timed as they are used; how fast they are is printed, never asserted."""

from __future__ import annotations

import sys

import pytest

from benchmarks.throughput import generation
from benchmarks.throughput.generation import Job, in_own_process, jobs, timed, ways_table
from forensics.refusal import Refusal
from generators import FAMILIES
from generators.families.stylegan2 import StyleGAN2

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = 0.001  # seconds


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
def test_each_family_is_timed(kind, monkeypatch):
    monkeypatch.setitem(generation.PIXELS, "cpu", 1024)
    found = timed(Job(kind.name, "tiny", seconds=SHORT))
    assert found["made"] > 0
    assert found["taught"] > 0
    assert found["at once"] == max(1, 1024 // (int(found["size"].split("x")[0]) ** 2))
    assert 50 < found["memory making"] <= found["memory training"]


def test_every_family_at_its_default_and_at_what_ships():
    listed = [(job.family, job.preset) for job in jobs(1, "cpu")]
    assert len(listed) == len(set(listed))
    for kind in FAMILIES:
        default, config = next(iter(kind.presets.items()))
        assert (kind.name, default) in listed
        assert (kind.name, "faces") in listed
        if config.resolution > generation.LARGEST_TAUGHT:  # training is timed at a smaller one
            assert (kind.name, "256") in listed
            assert kind.presets["256"].resolution == 256


def test_large_ones_are_only_sampled(monkeypatch):
    monkeypatch.setattr(generation, "LARGEST_TAUGHT", 8)
    found = timed(Job("dcgan", "tiny", seconds=SHORT))
    assert found["made"] > 0
    assert "taught" not in found


def test_lazy_phases_count_by_their_share(monkeypatch):
    """All calls take 1 s: a step of StyleGAN2 costs G + D + average + PL / 2 + R1 / 2 at the tiny preset."""
    monkeypatch.setattr(generation, "seconds_of", lambda call, job: len([call()]))
    family = StyleGAN2(StyleGAN2.presets["tiny"])
    assert generation.taught(family, 4, Job("stylegan2", "tiny")) == pytest.approx(4 / (3 + 2 * 0.5))


def test_the_twin_makes_the_same_pictures():
    found = timed(Job("stylegan2", "tiny", seconds=SHORT, ways=True))["ways"]
    assert found[0]["way"] == "literal"
    assert found[0]["difference"] == 0
    assert max(row["difference"] for row in found) < 1e-4
    table = ways_table(found, "cpu")
    times = {tuple(row[:2]): row[3] for row in table.rows}
    assert times["literal, contiguous (twin)", 1] == times["literal, contiguous (twin)", 4] == 1
    assert {"auto, channels last", "scaled, contiguous"} <= {row[0] for row in table.rows}


def test_a_process_of_its_own():
    found = in_own_process(Job("dcgan", "tiny", seconds=SHORT))
    assert found["size"] == "16x16"


def test_a_process_that_fails_is_told_by_its_last_words(tmp_path, monkeypatch):
    job = Job("dcgan", "huge")
    with pytest.raises(Refusal, match="no preset 'huge'") as refusal:
        timed(job)
    failing = tmp_path / "python"  # a real one takes seconds to start
    said = f"Traceback\nforensics.refusal.Refusal: {refusal.value}"
    failing.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 1\n')
    failing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(failing))
    with pytest.raises(Refusal, match=r"timing dcgan at preset huge failed \(forensics.*no preset 'huge'"):
        in_own_process(job)


def test_tables(monkeypatch):
    row = {"at once": 1, "made": 1.5, "difference": 0.0}
    rows = [{"way": way, "last": last, **row} for way in ("literal", "auto") for last in (False, True)]
    found = {"made": 2.0, "taught": 3.0}
    monkeypatch.setattr(generation, "in_own_process", lambda job: {"ways": rows} if job.ways else found)
    sampling, training, ways = generation.tables(families=("stylegan2",))
    names = [f"{job.family} {job.preset}" for job in jobs(1, "cpu", ("stylegan2",))]
    assert [row[0] for row in sampling.rows] == [row[0] for row in training.rows] == names
    assert {row[4] for row in sampling.rows} == {2.0}
    assert {row[3] for row in training.rows} == {3.0}
    assert len(ways.rows) == 4
    found.pop("taught")  # too large for a CPU
    assert not generation.tables(families=("stylegan2",))[1].rows
