"""Mixing takes exactly the layers that were asked for; truncation ends in the mean, or in a cluster's centre."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators.latent.mixing import grid, layers_of, mix
from generators.latent.points import Point, points_of
from generators.latent.space import Space
from generators.latent.truncating import centres, nearest, row

ROWS, COLUMNS = points_of(["0-1"]), points_of(["5,6,7"])


def planted(space: Space, drawn: torch.Tensor) -> Space:
    """The same, with w that lie where a test says."""
    other = Space(space.trained)
    other.drawn = drawn
    return other


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", [0]),
        ("3-5", [3, 4, 5]),
        (" 2 , 0-1,1", [0, 1, 2]),
        ("coarse", [0, 1, 2, 3]),
        ("Middle", [4, 5, 6, 7]),
        ("fine", [8, 9]),
        ("coarse,9", [0, 1, 2, 3, 9]),
        ("all", list(range(10))),
    ],
)
def test_layers_by_number_and_by_name(text, expected):
    assert layers_of(text, 10) == expected


def test_names_reach_no_further_than_the_network():
    assert layers_of("middle", 6) == [4, 5]
    assert layers_of("coarse", 2) == [0, 1]
    assert layers_of("middle,fine", 6) == [4, 5]


@pytest.mark.parametrize(
    "text", ["", ",", "1,,2", "6", "4-6", "3-1", "-1", "1.5", "rough", "1e1", "99999", "0 1", "²"]
)
def test_layers_that_are_not_there_are_refused(text):
    with pytest.raises(Refusal, match=r"^layers "):
        layers_of(text, 6)
    with pytest.raises(Refusal, match="none of these; it has 0 to 5"):
        layers_of("fine", 6)


@given(st.sets(st.integers(0, 8), min_size=1))
def test_a_mix_has_the_others_layers_and_its_own_elsewhere(layers):
    w, other = torch.randn(9, 4), torch.randn(9, 4)
    found = mix(w, other, sorted(layers))
    for layer in range(9):
        assert torch.equal(found[layer], (other if layer in layers else w)[layer])
    assert torch.equal(mix(w, other, []), w)


def test_a_grid_has_the_points_at_its_edges_and_mixes_inside(each):
    layers, truncation = [1, 4], 0.7
    pictures = grid(each, ROWS, COLUMNS, layers, truncation)
    assert [len(line) for line in pictures] == [4, 4, 4]
    assert pictures[0][0] is None
    edges = [(pictures[0][1:], COLUMNS), ([line[0] for line in pictures[1:]], ROWS)]
    for edge, points in edges:
        own = [each.trained.picture(point.seed, truncation) for point in points]
        assert all(np.array_equal(seen, picture) for seen, picture in zip(edge, own, strict=True))
    for down, first in enumerate(ROWS, 1):
        for across, other in enumerate(COLUMNS, 1):
            w = each.w(first, truncation)
            w[layers] = each.w(other, truncation)[layers]
            assert np.array_equal(pictures[down][across], each.of_w(w))


def test_a_grid_of_all_layers_is_the_columns_and_a_saved_w_may_stand_at_its_edge(space):
    saved = Point("face", w=space.w(ROWS[0], 0.3))
    pictures = grid(space, [saved], COLUMNS, range(6))
    assert np.array_equal(pictures[1][0], space.of_w(saved.w))
    assert all(np.array_equal(a, b) for a, b in zip(pictures[0][1:], pictures[1][1:], strict=True))


def test_truncation_goes_from_the_mean_to_the_own_picture(each):
    mean, half, own, beyond = row(each, COLUMNS[0], [0, 0.5, 1, 1.5])
    assert np.array_equal(mean, each.of_w(each.mean.expand(6, -1)))
    assert np.array_equal(mean, row(each, COLUMNS[1], [0])[0])
    assert np.array_equal(own, each.trained.picture(5))
    assert len({picture.tobytes() for picture in (mean, half, own, beyond)}) == 4
    reach = each.styled.reach
    assert np.array_equal(row(each, COLUMNS[0], [0.5], reach)[0], each.trained.picture(5, 0.5))


def test_a_cutoff_leaves_the_layers_behind_it(each):
    (seen,) = row(each, COLUMNS[0], [0.0], 2)
    w = each.w(COLUMNS[0])
    w[:2] = each.mean
    assert np.array_equal(seen, each.of_w(w))


def test_centres_are_those_of_the_clusters_that_there_are_largest_first(space):
    rng, at = torch.Generator().manual_seed(0), torch.tensor([[4.0] * 8, [-4.0] * 8])
    drawn = torch.cat([at[:1].expand(300, -1), at[1:].expand(700, -1)])
    two = planted(space, drawn + 0.1 * torch.randn(1000, 8, generator=rng))
    found = centres(two, 2)
    assert torch.allclose(found, at.flip(0), atol=0.05)
    assert torch.equal(centres(two, 2), found)
    assert torch.allclose(centres(two, 1)[0], two.drawn.mean(0), atol=1e-5)
    near = torch.stack([at[0] * 0.2, at[0], at[0] * 2])
    assert torch.equal(nearest(near, found), found[1])
    assert torch.equal(nearest(-near, found), found[0])


def test_truncation_towards_the_nearest_centre(space):
    found = torch.stack([space.w(point)[0] + 0.01 for point in COLUMNS])
    for number, point in enumerate(COLUMNS):
        centre, own = row(space, point, [0, 1], None, found)
        assert np.array_equal(centre, space.of_w(found[number].expand(6, -1)))
        assert np.array_equal(own, space.trained.picture(point.seed))


@pytest.mark.parametrize("n", [0, -1, 257])
def test_silly_numbers_of_centres_are_refused(space, n):
    with pytest.raises(Refusal, match=f"{n} centres: give 1 to 256"):
        centres(space, n)
