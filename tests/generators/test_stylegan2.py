"""StyleGAN2 without anyone else's numbers: regularisers in closed form, sizes, published parameter counts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators.families.stylegan2 import StyleGAN2, StyleGAN2Config, path_lengths, steepness
from generators.family import Batch

TINY = StyleGAN2.presets["tiny"]


def test_r1_of_a_quadratic_critic():
    """D(x) = x'Ax / 2 + b'x has the gradient (A + A')x / 2 + b; its square, and that one's gradient by b."""
    torch.manual_seed(0)
    a, b = torch.randn(12, 12, dtype=torch.float64), torch.randn(12, dtype=torch.float64, requires_grad=True)
    images = torch.randn(5, 3, 2, 2, dtype=torch.float64, requires_grad=True)
    x = images.flatten(1)
    logits = ((x @ a) * x).sum(1) / 2 + x @ b
    slopes = x @ (a + a.T) / 2 + b
    penalty = steepness(logits, images)
    torch.testing.assert_close(penalty, slopes.square().sum(1))
    (gradient,) = torch.autograd.grad(penalty.sum(), b)
    torch.testing.assert_close(gradient, 2 * slopes.sum(0))


@pytest.mark.parametrize("layers", [1, 3])
def test_path_lengths_of_a_linear_generator(layers):
    """G(w) = sum of A_l w_l has J = A: lengths are |A_l' y| / sqrt(H·W), root mean square over layers."""
    torch.manual_seed(0)
    a = torch.randn(layers, 7, 2 * 3 * 4, dtype=torch.float64, requires_grad=True)
    ws, y = torch.randn(5, layers, 7, dtype=torch.float64), torch.randn(5, 2, 3, 4, dtype=torch.float64)
    ws.requires_grad_(True)
    images = torch.einsum("nlw,lwp->np", ws, a).reshape(5, 2, 3, 4)
    lengths = path_lengths(images, ws, y)
    along = torch.einsum("lwp,np->nlw", a, y.flatten(1)) / math.sqrt(3 * 4)
    torch.testing.assert_close(lengths, along.square().sum(2).mean(1).sqrt())
    (gradient,) = torch.autograd.grad(lengths.sum(), a)
    assert gradient.abs().sum() > 0


def test_an_isometry_has_even_paths():
    """Orthonormal columns: |J'y| of white noise is sqrt(W / (H·W)) on average, and equal for all w."""
    q = torch.linalg.qr(torch.randn(1024, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    ws = torch.randn(200, 1, 64, dtype=torch.float64, requires_grad=True)
    y = torch.randn(200, 1, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    lengths = path_lengths((ws[:, 0] @ q.T).reshape(200, 1, 32, 32), ws, y)
    assert lengths.square().mean().item() == pytest.approx(64 / 1024, rel=0.05)


def test_the_mean_path_length_follows_and_what_paths_do_not_reach_has_a_gradient_of_zero():
    torch.manual_seed(0)
    family = StyleGAN2(TINY)
    batch = Batch(torch.randn(4, 3, 16, 16))
    torch.manual_seed(1)
    outcome = family.even_paths(batch)
    length = family.pl_mean.item() / TINY.pl_decay  # from 0
    outcome.loss.backward()
    assert length > 0
    biases = [block.torgb.bias for block in family.generator.synthesis.blocks()]
    assert all(bias.grad is not None and not bias.grad.any() for bias in biases)
    assert family.generator.mapping.fc0.weight.grad.any()
    before = family.pl_mean.clone()
    torch.manual_seed(1)
    family.even_paths(batch)
    assert family.pl_mean.item() == pytest.approx(before.item() * (2 - TINY.pl_decay), rel=1e-3)


def test_r1_as_the_family_measures_it():
    torch.manual_seed(0)
    family = StyleGAN2(replace(TINY, gamma=4.0))
    images = torch.randn(4, 3, 16, 16)
    outcome = family.flat_at_photos(Batch(images))
    images.requires_grad_(True)
    slopes = torch.autograd.grad(family.discriminator(images).sum(), images)[0]
    assert outcome.loss.item() == pytest.approx(2 * slopes.square().sum((1, 2, 3)).mean().item(), rel=1e-5)
    outcome.loss.backward()
    last = family.discriminator.b4.out.bias
    assert last.grad is not None
    assert not last.grad.any()  # a shift of all logits has no slope


@settings(max_examples=8, deadline=None)
@given(
    start=st.tuples(st.integers(2, 5), st.integers(2, 5)),
    channels=st.integers(1, 4),
    labels=st.sampled_from([0, 3]),
    architectures=st.sampled_from([("skip", "resnet"), ("resnet", "skip"), ("orig", "orig")]),
)
def test_any_channels_and_shapes(start, channels, labels, architectures):
    made, judged = architectures
    shape = {"start": start, "channels": channels, "labels": labels}
    family = StyleGAN2(replace(TINY, **shape, generator_architecture=made, critic_architecture=judged))
    size = (16 * start[0] // 4, 16 * start[1] // 4)
    assert family.size == size
    rows = torch.eye(3)[:2] if labels else None
    with torch.no_grad():
        images = family.sample(family.draw(2), rows)
        assert images.shape == (2, channels, *size)
        assert family.discriminator(images, rows).shape == (2,)
    for phase in family.phases():
        outcome = phase.loss(Batch(images, rows))
        assert outcome.loss.isfinite()


def test_truncation_pulls_towards_the_mean_picture():
    torch.manual_seed(0)
    family = StyleGAN2(TINY)
    family.average.mapping.w_avg.normal_()
    z = family.draw(4)
    still = family.sample(z, truncation=0.0)
    torch.testing.assert_close(still, still[:1].expand(4, -1, -1, -1))
    w, mean = family.average.mapping(z), family.average.mapping.w_avg
    torch.testing.assert_close(family.average.mapping(z, truncation=0.3), mean + 0.3 * (w - mean))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_style_mixing_takes_a_second_w_from_some_layer_on(share):
    torch.manual_seed(0)
    family = StyleGAN2(replace(TINY, mixing=share))
    z, cuts = family.draw(3), set()
    w = family.average.mapping(z)[:, 0]  # the same weights, in evaluation mode
    for _ in range(40):
        family.generator.mapping.w_avg.zero_()
        ws = family.mixed(z, None)
        own = [bool(torch.allclose(ws[:, layer], w, atol=1e-6)) for layer in range(ws.shape[1])]
        assert own == sorted(own, reverse=True)  # first, then the other's
        cuts.add(sum(own))
        torch.testing.assert_close(family.generator.mapping.w_avg, 0.005 * w.mean(0))  # the second is not in it
    layers = family.generator.synthesis.layers
    assert cuts == ({layers} if share == 0 else set(range(1, layers)))


def test_labels_steer_and_are_asked_for():
    torch.manual_seed(0)
    family = StyleGAN2(replace(TINY, labels=2))
    z = family.draw(1)
    one, other = (family.sample(z, row[None]) for row in torch.eye(2))
    assert not torch.allclose(one, other)
    with pytest.raises(Refusal, match="2 classes"):
        family.sample(z)
    with pytest.raises(Refusal, match="no classes"):
        StyleGAN2(TINY).sample(z, torch.eye(2)[:1])


def counted(base: int = 32768, mapping_layers: int = 8) -> tuple[int, int, int, int]:
    """Parameters and buffers of the generator, parameters and buffers of the discriminator, at 1024x1024."""
    with torch.device("meta"):
        family = StyleGAN2(StyleGAN2Config(base=base, critic_base=base, mapping_layers=mapping_layers))
    both = family.generator, family.discriminator
    return tuple(sum(t.numel() for t in part) for n in both for part in (n.parameters(), n.buffers()))


def test_published_parameter_counts():
    """Karras et al. 2020, section 4.2: doubled feature maps from 64x64 up, configuration F, cost the generator
    22 % (25 M to 30 M) and the discriminator 21 % (24 M to 29 M).
    """
    small, _, small_critic, _ = counted(base=16384)
    large, _, large_critic, _ = counted()
    assert [round(n / 1e6) for n in (small, large, small_critic, large_critic)] == [25, 30, 24, 29]
    assert [round(100 * (big / n - 1)) for big, n in ((large, small), (large_critic, small_critic))] == [22, 21]


def test_parameter_and_buffer_counts_of_the_published_code():
    """What stylegan2-ada-pytorch prints when it trains at 1024x1024, where its mapping has 2 layers; 8 are F."""
    assert counted(mapping_layers=2) == (28_794_124, 2_797_104, 29_012_513, 544)
    assert counted()[0] == 28_794_124 + 6 * (512 * 512 + 512)
