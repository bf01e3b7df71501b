"""The generators' page: what the explorer shows is what its command line makes, byte for byte."""

from __future__ import annotations

import base64
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from app.cli import app as cli
from app.explorer import Look, Step, ranges
from forensics import places
from generators.latent.directions import Directions
from generators.latent.space import Space
from generators.trained import load


@pytest.fixture(scope="module")
def space() -> Space:
    return Space(load("stylegan2"))


def made_by(line: list[str], folder: Path) -> np.ndarray:
    words = [str(folder / word) if word in ("picture", "picture.png") else word for word in line[1:]]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    out = Path(words[-1])
    return np.asarray(Image.open(out if out.is_file() else next(out.glob("*.png"))))


@pytest.mark.parametrize(
    "look",
    [
        Look("stylegan2", 7),
        Look("stylegan2", 3, truncation=0.55),
        Look("stylegan2", 3, 0.7, None, 12, (4, 5, 7), (Step("pca-0", 1.5), Step("sefa-2", -2.0, (0, 1, 2)))),
        Look("stylegan2", 3, steps=(Step("pca-1", 0.0), Step("pca-1", 4.0), Step("pca-1", -0.3, (6,)))),
    ],
)
def test_the_command_makes_the_same_bytes(look: Look, space: Space, tmp_path: Path):
    assert np.array_equal(made_by(look.command(), tmp_path), look.picture(space, Directions(space)))


def test_without_w_the_command_forges_the_seed(tmp_path: Path):
    look, dcgan = Look("dcgan", 21), Space(load("dcgan"))
    assert np.array_equal(made_by(look.command(has_w=False), tmp_path), look.picture(dcgan, None))


def test_layers_are_said_as_ranges():
    assert ranges((0, 1, 2, 3)) == "0-3"
    assert ranges((7, 4, 5)) == "4-5,7"
    assert ranges((2,)) == "2"


def opened() -> AppTest:
    page = AppTest.from_string("from app.views import generators\ngenerators.page()", default_timeout=60).run()
    assert not page.exception
    return page


def line(page: AppTest) -> list[str]:
    return next(shlex.split(code.value) for code in page.code if "latent" in code.value)


def shown(page: AppTest) -> list[np.ndarray]:
    """Pictures in the order in which they come."""
    bodies = "".join(html.proto.body for html in page.get("html"))
    found = re.findall(r'src="data:image/png;base64,([^"]+)" alt="[^"]+"', bodies)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_sliders_move_the_picture_and_the_command_follows(glance, tmp_path: Path):
    page = opened()
    assert line(page) == shlex.split("forensics latent apply stylegan2 0 --out picture.png")
    before, after = shown(page)[:2]
    assert np.array_equal(before, after)
    page.number_input(key="seed").set_value(5).run()
    page.slider(key="truncation").set_value(0.8).run()
    page.slider(key="strength-1").set_value(2.5).run()
    page.multiselect(key="layers-1").set_value([0, 1, 2, 3]).run()
    page.multiselect(key="mixed").set_value([6, 7]).run()
    assert not page.exception
    wanted = "forensics latent apply stylegan2 5 --truncation 0.8 --mix 1@6-7 --move pca-1@0-3=2.5 --out picture.png"
    assert line(page) == shlex.split(wanted)
    before, after = shown(page)[:2]
    scale = after.shape[0] // 32
    assert not np.array_equal(before, after)
    assert np.array_equal(after[::scale, ::scale], made_by(line(page), tmp_path))


def test_every_family_that_ships_can_be_explored(glance):
    page = opened()
    families = page.selectbox(key="family").options
    assert len(families) == 8
    for family in families:
        page.selectbox(key="family").set_value(family).run()
        assert not page.exception, family
        assert shown(page)


def test_a_file_that_holds_no_directions_is_said_so(glance, tmp_path: Path):
    page = opened()
    for name in ("nowhere.safetensors", "bad.safetensors"):
        if name.startswith("bad"):
            (tmp_path / name).write_bytes(b"x" * 64)
        page.text_input(key="directions").set_value(str(tmp_path / name)).run()
        assert not page.exception
        assert any(name in html.proto.body for html in page.get("html"))


def test_the_readme_s_picture_is_by_the_weights_that_ship(space: Space):
    with Image.open(places.HOUSE / "app" / "latent.png") as picture:
        assert picture.info["Software"] == space.trained.software
