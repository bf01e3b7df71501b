"""Walks: frames at points are the points' own pictures; loops, easing, and the path along the sphere."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators import FAMILIES
from generators.latent.points import Point, points_of
from generators.latent.space import Space
from generators.latent.walk import Place, Walk, frames, places, slerp
from generators.trained import load
from tests.generators.latent.tiny import exported

POINTS = points_of(["3,1,8"])


def shown(space: Space, walk: Walk, points: list[Point] = POINTS) -> list[bytes]:
    return [frame.tobytes() for frame in frames(space, points, walk)]


def own(space: Space, truncation: float = 1.0, kind: int | None = None) -> list[bytes]:
    return [space.trained.picture(point.seed, truncation, kind).tobytes() for point in POINTS]


@pytest.mark.parametrize("kind", FAMILIES, ids=lambda kind: kind.name)
@pytest.mark.parametrize("easing", ["none", "smooth"])
def test_every_family_walks_from_picture_to_picture(kind, easing, tmp_path):
    space = Space(load(exported(kind, tmp_path / "tiny.safetensors")))
    seen = shown(space, Walk(9, easing=easing))
    assert [seen[0], seen[4], seen[8]] == own(space)
    assert len(set(seen)) == 9


@pytest.mark.parametrize("where", ["w", "z"])
def test_frames_at_points_are_the_points_own_pictures_truncated_too(each, where):
    for truncation in (1.0, 0.6):
        seen = shown(each, Walk(5, where, truncation=truncation))
        assert seen[::2] == own(each, truncation)
    if each.trained.classes:
        assert shown(Space(each.trained, 2), Walk(5, where))[::2] == own(each, kind=2)


@pytest.mark.parametrize("where", ["w", "z"])
def test_a_loop_comes_back_without_its_first_frame_again(each, where):
    seen = shown(each, Walk(12, where, loop=True))
    assert seen[::4] == own(each)
    assert len(set(seen)) == 12
    assert seen == shown(each, Walk(12, where, loop=True))


def test_in_w_a_frame_is_painted_on_the_straight_line(space):
    first, then = (space.w(point) for point in POINTS[:2])
    seen = shown(space, Walk(5, easing="none"), POINTS[:2])
    straight = [space.of_w(first.lerp(then, share)).tobytes() for share in (0.25, 0.5, 0.75)]
    assert seen[1:4] == straight
    assert seen != shown(space, Walk(5, "z", easing="none"), POINTS[:2])
    assert seen == shown(space, Walk(5, "w", easing="none"), POINTS[:2])


def test_in_z_classes_fade_into_each_other(classed):
    first, then = POINTS[0], next(p for p in points_of(["0-20"]) if classed.label(p.seed)[0] != classed.label(3)[0])
    z = slerp(classed.z(first.seed), classed.z(then.seed), 0.5)
    label = (classed.label(first.seed) + classed.label(then.seed)) / 2
    middle = shown(classed, Walk(3, "z"), [first, then])[1]
    assert middle == classed.of_z(z, label).tobytes()


def test_saved_w_are_points_of_a_walk_in_w_only(space):
    saved = Point("face", w=space.w(POINTS[0], 0.5))
    seen = shown(space, Walk(3, truncation=0.5), [saved, POINTS[1]])
    assert [seen[0], seen[2]] == own(space, 0.5)[:2]
    with pytest.raises(Refusal, match="face is a w; walk in w, or give seeds only"):
        frames(space, [saved, POINTS[1]], Walk(3, "z"))


def test_what_cannot_be_walked_is_refused_before_the_first_frame(space, tmp_path):
    plain = Space(load(exported(FAMILIES[0], tmp_path / "tiny.safetensors")))
    for given_space, points, walk, says in (
        (space, POINTS[:1], Walk(), "needs two points"),
        (space, [], Walk(loop=True), "needs two points"),
        (space, [POINTS[0], Point("x", w=torch.zeros(2, 8))], Walk(), "x: its w is 2x8; .* takes 6x8"),
        (plain, POINTS, Walk(where="w"), "has no w"),
        (plain, POINTS, Walk(truncation=0.5), "cannot truncate"),
        (plain, [POINTS[0], Point("x", w=torch.zeros(2, 8))], Walk(), "x is a w"),
    ):
        with pytest.raises(Refusal, match=says):
            frames(given_space, points, walk)
    for wrong in ({"count": 1}, {"count": 100_001}, {"where": "v"}, {"easing": "wild"}):
        with pytest.raises(Refusal):
            Walk(**wrong)


@given(st.integers(2, 9), st.integers(2, 80), st.booleans())
def test_frames_are_evenly_spaced_and_easing_only_paces_them(points, count, loop):
    even = places(points, Walk(count, loop=loop, easing="none"))
    eased = places(points, Walk(count, loop=loop))
    assert len(even) == len(eased) == count
    legs = points if loop else points - 1
    at = np.array([place.first + place.share for place in even])
    assert np.allclose(np.diff(at), legs / (count if loop else count - 1))
    assert at[0] == 0
    assert at[-1] == pytest.approx(legs * (count - 1) / count if loop else legs)
    assert [(p.first, p.then) for p in even] == [(p.first, p.then) for p in eased]
    assert all(place.then == (place.first + 1) % points for place in even)
    assert all(0 <= place.share <= 1 for place in eased)
    ways = np.array([place.first + place.share for place in eased])
    assert (np.diff(ways) >= -1e-12).all()  # never backwards
    for plain, smooth in zip(even, eased, strict=True):
        if plain.share in (0, 0.5, 1):
            assert smooth.share == plain.share
        else:
            assert (smooth.share < plain.share) == (plain.share < 0.5)  # slow at each point


def test_the_last_frame_of_a_walk_is_its_last_point():
    assert places(3, Walk(5, easing="none"))[-1] == Place(1, 2, 1.0)
    assert places(3, Walk(6, loop=True, easing="none"))[-1] == Place(2, 0, 0.5)


SEEDS, SHARES = st.integers(0, 2**32), st.floats(0, 1)


def vector(seed: int, size: int = 16, length: float = 1.0) -> torch.Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed)) * length


@given(SEEDS, SEEDS, SHARES, st.sampled_from([0.1, 1.0, 30.0]))
def test_slerp_turns_in_the_plane_of_both_by_a_share_of_their_angle(one, other, share, length):
    """By another formula: Gram-Schmidt, then a rotation."""
    a, b = vector(one), vector(other, length=length)
    x, y = (v.double().numpy() / float(v.double().norm()) for v in (a, b))
    if abs(x @ y) > 0.999:
        return
    across = y - (x @ y) * x
    angle = share * np.arccos(x @ y)
    turned = np.cos(angle) * x + np.sin(angle) * across / np.linalg.norm(across)
    long = (1 - share) * float(a.norm()) + share * float(b.norm())
    assert np.allclose(slerp(a, b, share).numpy(), turned * long, atol=2e-5 * max(1, length))


@given(SEEDS, SEEDS)
def test_slerp_is_exact_at_its_ends(one, other):
    a, b = vector(one), vector(other)
    assert torch.equal(slerp(a, b, 0.0), a)
    assert torch.equal(slerp(a, b, 1.0), b)


@given(SEEDS, SHARES, st.sampled_from([-2.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 2.0]), st.sampled_from([0.0, 1e-6, 1e-3]))
def test_slerp_between_points_of_one_line_is_finite_and_no_longer_than_both(seed, share, times, apart):
    a = vector(seed)
    b = times * a + apart * vector(seed + 1)
    for first, then in ((a, b), (b, a)):
        between = slerp(first, then, share)
        assert between.isfinite().all()
        assert between.norm() <= 1.001 * max(a.norm(), b.norm())
        assert torch.equal(slerp(first, then, 0.0), first)
        assert torch.equal(slerp(first, then, 1.0), then)
