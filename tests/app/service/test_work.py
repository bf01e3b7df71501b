"""What a worker answers when there is no report: it stays alive, and its words hold nothing of the photo."""

from __future__ import annotations

import importlib
import json
import time
from dataclasses import replace

import pytest

from app.service.work import Answer, Failed, Late, Order, examine
from forensics.evidence import silent
from tests.app.service.served import STANDINS, photo


@pytest.fixture
def panel(monkeypatch):
    monkeypatch.syspath_prepend(STANDINS)
    return importlib.import_module("standin_panel").load()


@pytest.fixture
def order() -> Order:
    return Order("secret.png", False, time.monotonic() + 60, photo())


def test_a_mistake_of_ours_is_named_by_its_kind_only(panel, order):
    class Broken:
        def of(self, face: bool):
            raise KeyError(order.name)

    assert examine((panel[0], Broken()), order) == Failed("KeyError")


def test_whom_nobody_waits_for_is_not_examined(panel, order):
    assert examine(panel, replace(order, until=time.monotonic())) == Late()


def test_half_a_surrogate_pair_is_still_json(panel, order):
    class Odd:
        name, question, scores, weights = "odd", "Odd?", False, None

        def examine(self, photo):
            return silent("odd", "half \udc41 a pair")

    answer = examine(((*panel[0], Odd()), panel[1]), order)
    assert isinstance(answer, Answer)
    assert json.loads(answer.body)["evidence"][-1]["finding"] == "half \udc41 a pair"


def test_photos_are_in_no_repr(panel, order):
    assert "PNG" not in repr(order)
    assert "sha256" not in repr(examine(panel, order))
