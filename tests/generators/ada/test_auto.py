"""Settings by size against the published table, and its rule in the open."""

from __future__ import annotations

import json

import pytest

from generators.ada.auto import PUBLISHED, Settings, auto


def row(settings: Settings) -> dict[str, float | None]:
    return {
        "mb": settings.batch,
        "mbstd": settings.group,
        "fmaps": settings.feature_maps,
        "lrate": settings.lr,
        "gamma": settings.gamma,
        "ema": settings.average_kimg,
        "ramp": settings.average_rampup,
        "map": settings.mapping_layers,
    }


def test_published_table(parity):
    table = json.loads((parity / "train_configs.json").read_text())
    assert len(table["auto"]) == 24
    for wanted in table["auto"]:
        size = {"gpus": wanted.pop("gpus"), "res": wanted.pop("res")}
        assert row(auto(size["res"], size["gpus"])) == pytest.approx(wanted), size
    assert {*table["fixed"]} == {*PUBLISHED}
    for name, wanted in table["fixed"].items():
        settings = PUBLISHED[name]
        assert {"ref_gpus": settings.gpus, "kimg": settings.kimg, **row(settings)} == wanted, name


def test_rule():
    one = auto(256)
    assert (one.batch, one.group, one.base) == (16, 4, 16384)
    assert one.gamma == pytest.approx(0.0002 * 256**2 / 16)
    assert auto(1024, 8).base == 32768
    assert auto(4096, 16).batch == 16  # one picture a GPU at least
    assert auto(4096, 16).group == 1
    with pytest.raises(ValueError, match="at least 1"):
        auto(0)
