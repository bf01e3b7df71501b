"""A space of each style-based family, with and without classes; and one of StyleGAN2, for what all share."""

from __future__ import annotations

import pytest

from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.latent.space import Space
from generators.trained import load
from tests.generators.latent.tiny import STYLED, called, exported


@pytest.fixture(scope="session", params=STYLED, ids=called)
def each(request, tmp_path_factory) -> Space:
    kind, config = request.param
    return Space(load(exported(kind, tmp_path_factory.mktemp("each") / "tiny.safetensors", **config)))


@pytest.fixture(scope="session")
def space(tmp_path_factory) -> Space:
    return Space(load(exported(StyleGAN2, tmp_path_factory.mktemp("one") / "tiny.safetensors")))


@pytest.fixture(scope="session", params=[StyleGAN2, StyleGAN2ADA], ids=lambda kind: kind.name)
def classed(request, tmp_path_factory) -> Space:
    """Of three classes."""
    path = tmp_path_factory.mktemp("classed") / "tiny.safetensors"
    return Space(load(exported(request.param, path, labels=3)))
