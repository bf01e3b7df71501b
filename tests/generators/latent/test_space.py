"""A space's w, painted, are the generator's own pictures, byte for byte; what it draws is like its pictures' w."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forensics.refusal import Refusal
from generators import FAMILIES
from generators.families.stylegan import StyleGAN
from generators.families.stylegan2 import StyleGAN2
from generators.latent.points import Point
from generators.latent.space import Space
from generators.styled import Styled
from generators.trained import load
from tests.generators.latent.tiny import exported


def seed(number: int) -> Point:
    return Point(f"seed {number}", number)


@pytest.mark.parametrize("truncation", [1.0, 0.6, 0.0, -0.5])
def test_the_w_of_a_seed_paints_the_seeds_own_picture(each, truncation):
    for number in (0, 7, 10**17):
        own = each.trained.picture(number, truncation)
        assert each.of_w(each.w(seed(number), truncation)).tobytes() == own.tobytes()
        assert each.of_z(each.z(number), each.label(number), truncation).tobytes() == own.tobytes()


def test_the_w_of_a_seed_in_a_class_paints_that_classes_picture(classed):
    of_class = [Space(classed.trained, kind) for kind in range(3)]
    pictures = [given.of_w(given.w(seed(3), 0.7)).tobytes() for given in of_class]
    assert pictures == [classed.trained.picture(3, 0.7, kind).tobytes() for kind in range(3)]
    assert len(set(pictures)) == 3
    own = classed.trained.label_of(3)
    assert torch.equal(classed.w(seed(3)), of_class[own].w(seed(3)))
    assert of_class[own].label(5).argmax() == own


def test_a_class_where_there_are_none_is_refused(space):
    with pytest.raises(Refusal, match="no classes"):
        Space(space.trained, 1).w(seed(3))


def test_pictures_are_made_alone_in_one_thread(each):
    w, before = each.w(seed(1)), each.of_w(each.w(seed(1)))
    torch.set_num_threads(2)
    assert torch.equal(each.w(seed(1)), w)
    assert each.of_w(w).tobytes() == before.tobytes()
    assert torch.get_num_threads() == 2


def test_a_saved_w_is_taken_as_it_is_whatever_the_truncation(each):
    w = each.w(seed(4), 0.5)
    saved = Point("face", w=w)
    assert torch.equal(each.w(saved, 0.1), w)
    assert each.w(saved).data_ptr() != w.data_ptr()  # nobody's edit changes the point
    row = Point("row", w=w[:1])
    assert torch.equal(each.w(row), w[:1].expand(each.styled.layers, -1))


def test_a_saved_w_of_another_shape_is_refused_with_both_shapes(each):
    layers, width = each.styled.layers, each.styled.width
    for shape in ((layers + 1, width), (layers, width + 1), (2, width), (0, width)):
        with pytest.raises(Refusal, match=rf"face: its w is {shape[0]}x{shape[1]}; .* takes {layers}x{width} "):
            each.w(Point("face", w=torch.zeros(shape)))


def test_what_is_drawn_is_the_w_of_pictures(each):
    drawn = each.drawn
    assert drawn.shape == (10_000, each.styled.width)
    assert torch.equal(drawn, Space(each.trained).drawn)
    of_seeds = torch.stack([each.w(seed(number))[0] for number in range(300)])
    spread = drawn.std(0)
    assert ((drawn.mean(0) - of_seeds.mean(0)).abs() < 5 * spread / 300**0.5).all()
    assert ((of_seeds.std(0) / spread).log().abs() < 0.3).all()


def test_with_a_class_only_its_w_are_drawn(classed):
    means = [Space(classed.trained, kind).drawn.mean(0) for kind in range(3)]
    near = float(classed.drawn.std(0).max()) / 10
    assert torch.allclose(classed.drawn.mean(0), torch.stack(means).mean(0), atol=near)
    assert not torch.allclose(means[0], means[1], atol=near)


def test_the_mean_is_the_networks_own_or_that_of_what_was_drawn(each, tmp_path):
    assert torch.equal(each.mean, each.styled.mean_w)
    without = Space(load(exported(StyleGAN2, tmp_path / "tiny.safetensors")))
    del without.family.average.mapping.w_avg
    assert torch.equal(without.mean, without.drawn.mean(0))
    with pytest.raises(Refusal, match="keeps no mean w to truncate towards"):
        without.trained.picture(0, 0.5)


def test_half_grown_networks_have_the_layers_of_their_stage(tmp_path):
    half = Space(load(exported(StyleGAN, tmp_path / "half.safetensors", images_seen=0)))
    assert half.styled.layers == 4
    assert [style.layer for style in half.styled.styles] == [0, 1, 2, 3]
    assert half.w(seed(2)).shape == (4, 8)
    own = half.trained.picture(2, 0.7)
    assert own.shape == (16, 16, 3)
    assert half.of_w(half.w(seed(2), 0.7)).tobytes() == own.tobytes()


@pytest.mark.parametrize("kind", [k for k in FAMILIES if not issubclass(k, Styled)], ids=lambda kind: kind.name)
def test_families_without_w_say_so(kind, tmp_path):
    plain = Space(load(exported(kind, tmp_path / "tiny.safetensors")))
    assert not plain.has_w
    assert plain.of_z(plain.z(5)).tobytes() == plain.trained.picture(5).tobytes()
    for ask in (lambda: plain.w(seed(1)), lambda: plain.drawn, lambda: plain.mean, lambda: plain.styled):
        with pytest.raises(Refusal, match=f"{kind.name} has no w; that is for style-based families"):
            ask()


def test_every_style_based_family_is_tried_here(each):
    assert each.has_w
    assert {kind.name for kind in FAMILIES if issubclass(kind, Styled)} == {"stylegan", "stylegan2", "stylegan2-ada"}


def test_pictures_keep_their_channels_and_shape(tmp_path):
    for channels in (1, 2, 4):
        path = exported(StyleGAN2, tmp_path / f"{channels}.safetensors", channels=channels, start=(4, 3))
        odd = Space(load(path))
        picture = odd.of_w(odd.w(seed(0)))
        assert picture.shape == (16, 12, channels)
        assert np.array_equal(picture, odd.trained.picture(0))
