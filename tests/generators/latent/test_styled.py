"""Style-based families in two steps: z to w, w to a picture; what styles are, and what truncation does to w."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from forensics.refusal import Refusal
from generators.styled import nearer


def drawn(space, n: int = 3) -> tuple[torch.Tensor, torch.Tensor | None]:
    z = space.family.draw(n, torch.Generator().manual_seed(1))
    classes = len(space.trained.classes)
    return z, F.one_hot(torch.arange(n) % classes, classes).float() if classes else None


def test_two_steps_are_one_sample(each):
    z, labels = drawn(each)
    w = each.styled.to_w(z, labels)
    assert w.shape == (3, each.styled.layers, each.styled.width)
    assert torch.equal(w, w[:, :1].expand_as(w))  # one w, as often as there are layers
    assert torch.equal(each.styled.from_w(w), each.family.sample(z, labels))
    assert each.styled.from_w(w).abs().max() <= 1


def test_truncation_reaches_the_layers_that_it_should(each):
    z, labels = drawn(each)
    w, reach = each.styled.to_w(z, labels), each.styled.reach
    assert reach == min(getattr(each.family.config, "cutoff", 6), 6)
    by_hand = w.clone()
    by_hand[:, :reach] = each.mean + 0.25 * (w[:, :reach] - each.mean)
    assert torch.allclose(each.styled.from_w(by_hand), each.family.sample(z, labels, 0.25), atol=1e-5)


def test_every_layer_of_w_and_no_other_changes_the_picture(each):
    w = each.styled.to_w(*drawn(each, 1))
    before = each.styled.paint(w)
    for layer in range(each.styled.layers):
        changed = w.clone()
        changed[:, layer] += 1
        assert not torch.equal(each.styled.paint(changed), before), layer


def test_a_picture_can_be_descended_in_w(each):
    w = each.styled.to_w(*drawn(each, 1)).requires_grad_(True)
    (slope,) = torch.autograd.grad(each.styled.paint(w).square().mean(), w)
    assert slope.isfinite().all()
    assert (slope.abs().amax(-1) > 0).all()  # each layer has a say


def test_a_style_is_the_matrix_of_what_a_convolution_computes(each):
    """Asked of the layers themselves: how their affine output changes along each number of w."""
    heard: list[torch.Tensor] = []
    layers = [m for m in each.family.average.modules() if hasattr(m, "noise_strength") or hasattr(m, "strength")]
    affines = [getattr(layer, "affine", None) or layer.style for layer in layers]
    styles = each.styled.styles
    assert len(affines) == len(styles) > 2
    assert [style.layer for style in styles] == list(range(len(styles)))
    hooks = [affine.register_forward_hook(lambda module, given, out: heard.append(out[0])) for affine in affines]
    w, step = each.styled.to_w(*drawn(each, 1)), torch.randn(each.styled.width)
    each.styled.paint(w)
    each.styled.paint(w + step)
    for hook in hooks:
        hook.remove()
    n = len(styles)
    for style, before, after in zip(styles, heard[:n], heard[n:], strict=True):
        assert style.matrix.shape == (len(before), each.styled.width)
        assert torch.allclose(style.matrix @ step, after - before, atol=1e-4)


def test_labels_that_do_not_fit_are_refused(each):
    z, labels = drawn(each)
    wrong = None if labels is not None else torch.eye(3)
    with pytest.raises(Refusal, match="3 classes: say which" if labels is not None else "has no classes"):
        each.styled.to_w(z, wrong)
    with pytest.raises(Refusal):
        each.family.sample(z, wrong)


@given(st.floats(-2, 2), st.integers(0, 5), st.integers(0, 10**6))
def test_nearer_goes_a_share_of_the_way_in_the_first_layers(psi, cutoff, seed):
    rng = torch.Generator().manual_seed(seed)
    w, centre = torch.randn(2, 5, 4, generator=rng), torch.randn(4, generator=rng)
    near = nearer(w, centre, psi, cutoff)
    assert torch.equal(near[:, cutoff:], w[:, cutoff:])
    assert torch.allclose(near[:, :cutoff] - centre, psi * (w[:, :cutoff] - centre), atol=1e-5)
    assert torch.equal(nearer(w, centre, psi), nearer(w, centre, psi, 5))
    each_its_own = nearer(w, torch.stack([centre, centre])[:, None], psi, cutoff)
    assert torch.equal(each_its_own, near)


def test_nearer_is_exact_at_its_ends():
    w, centre = torch.randn(2, 5, 4), torch.randn(4)
    assert torch.equal(nearer(w, centre, 1.0), w)
    assert torch.equal(nearer(w, centre, 0.0), centre.expand_as(w))
