"""The precision that detectors are trained in, which other tests leave away for the sake of slow CPUs."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import torch

from detectors.classifier.descent import TINY
from detectors.classifier.training import Training
from tests.detectors.invented_cuts import of_four_sources


def test_two_steps_in_bf16(tmp_path, monkeypatch):
    asked, autocast = [], torch.autocast
    monkeypatch.setattr(torch, "autocast", lambda *given: asked.append(given) or autocast(*given))
    session = Training(of_four_sources(tmp_path), tmp_path / "run", replace(TINY, steps=2, validate=2), None)
    session.run()
    assert asked == [("cpu", torch.bfloat16)] * 2
    (row,) = next((tmp_path / "run").rglob("log.jsonl")).read_text().splitlines()
    assert all(math.isfinite(value) for value in json.loads(row).values() if isinstance(value, float))
    assert all(weight.isfinite().all() for weight in session.network.state_dict().values())
