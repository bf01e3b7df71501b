"""Growth: the schedule by hand, the fade by loops, the convolutions against two plain steps."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from generators.families.progan import ProGAN
from generators.families.stylegan import StyleGAN
from generators.family import Batch
from generators.growing_critic import Critic
from generators.he import Convolution, Dense, Fan, blurred
from generators.layers import MinibatchStd, unit
from generators.progressive import Growth, blend, check_schedule, even_schedule, growth_at, seen, shrunk

ROWS = ((4, 0.0, 6.0), (8, 4.0, 10.0), (16, 2.0, 5.0))


@pytest.mark.parametrize(
    ("images", "stage", "alpha"),
    [
        (0, 0, 1.0),
        (5_999, 0, 1.0),
        (6_000, 1, 0.0),
        (7_000, 1, 0.25),
        (9_999, 1, 0.99975),
        (10_000, 1, 1.0),
        (19_999, 1, 1.0),
        (21_000, 2, 0.5),
        (22_000, 2, 1.0),
        (10**9, 2, 1.0),
    ],
)
def test_growth_follows_the_table(images, stage, alpha):
    assert growth_at(ROWS, images) == (stage, pytest.approx(alpha))


def test_growth_from_8_px_starts_there():
    assert growth_at(((8, 0, 1), (16, 1, 1)), 0) == (1, 1.0)


def test_the_papers_schedule_fades_and_settles_over_800_thousand_images_each():
    rows = even_schedule(4, 1024, 800.0)
    assert rows[0] == (4, 0.0, 800.0)
    assert rows[1:] == tuple((4 * 2**n, 800.0, 800.0) for n in range(1, 9))
    assert growth_at(rows, 800_000) == (1, 0.0)
    assert growth_at(rows, 800_000 + 1_600_000 * 7) == (8, 0.0)  # 1024 px comes last


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (((4, 0, 1), (16, 1, 1)), "double"),
        (((4, 0, 1), (8, 1, 1)), "end at 16"),
        ((), "end at 16"),
        (((8, 1, 1), (16, 1, 1)), "nothing comes before"),
        (((8, 0, -1), (16, 1, 1)), "0 or more"),
        (((8, 0, 1), (16, math.nan, 1)), "0 or more"),
    ],
)
def test_bad_schedules_are_named(rows, why):
    with pytest.raises(ValueError, match=why):
        check_schedule(rows, 16)


def test_growth_is_saved_with_the_network():
    growth = Growth(3)
    assert growth.now() == (2, 1.0)
    growth.set(1, 0.25)
    other = Growth(3)
    other.load_state_dict(growth.state_dict())
    assert other.now() == (1, 0.25)


def test_photos_are_shown_at_the_stages_resolution_and_faded_like_fakes():
    photos = torch.rand(2, 3, 16, 16)
    faded = seen(photos, 1, 0.3)
    assert faded.shape == (2, 3, 8, 8)
    for y in range(8):
        for x in range(8):
            fine = photos[:, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((2, 3))
            top, left = 4 * (y // 2), 4 * (x // 2)
            coarse = photos[:, :, top : top + 4, left : left + 4].mean((2, 3))
            assert torch.allclose(faded[:, :, y, x], 0.7 * coarse + 0.3 * fine, atol=1e-6)
    assert torch.equal(seen(photos, 2, 1.0), photos)


def test_blend_repeats_the_pixels_of_the_stage_before():
    before, now = torch.rand(1, 2, 2, 2), torch.rand(1, 2, 4, 4)
    mixed = blend(before, now, 0.25)
    for y in range(4):
        for x in range(4):
            expected = 0.75 * before[:, :, y // 2, x // 2] + 0.25 * now[:, :, y, x]
            assert torch.allclose(mixed[:, :, y, x], expected)
    assert torch.allclose(blend(before, now, 1.0), now)


def test_convolution_is_scaled_by_hes_constant_at_run_time():
    torch.manual_seed(0)
    layer = Convolution(32, 24).double()
    assert layer.weight.std().item() == pytest.approx(1, rel=0.03)
    x = torch.randn(2, 32, 6, 6, dtype=torch.float64)
    torch.nn.init.normal_(layer.bias)
    expected = F.conv2d(x, layer.weight * math.sqrt(2 / (32 * 9)), layer.bias, padding=1)
    assert torch.allclose(layer(x), expected, atol=1e-12)
    dense, fan = Dense(32, 5).double(), Fan(32, 6).double()
    z = torch.randn(3, 32, dtype=torch.float64)
    assert torch.allclose(dense(z), z @ dense.weight.T * 0.25 + dense.bias)
    torch.nn.init.normal_(fan.bias)
    for channel in range(6):
        for pixel in range(16):
            value = z @ fan.weight[channel * 16 + pixel] * 0.25 + fan.bias[channel]
            assert torch.allclose(fan(z)[:, channel, pixel // 4, pixel % 4], value)


def test_equalised_weights_of_any_width_move_alike():
    """One step of Adam changes the weights in use by the same share, whatever the fan-in (section 4.1)."""
    for width in (8, 512):
        torch.manual_seed(0)
        layer = Dense(width, 64)
        x = torch.randn(64, width)
        y = layer(x)
        assert y.std().item() == pytest.approx(math.sqrt(2), rel=0.1)  # He: leaky ReLU makes it 1 again
        before = layer.weight.detach() * layer.gain
        y.mul(torch.randn_like(y)).sum().backward()
        torch.optim.Adam([layer.weight], 0.01, (0.0, 0.99)).step()
        after = layer.weight.detach() * layer.gain
        assert ((after - before).norm() / before.norm()).item() == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("blur", [False, True])
def test_growing_is_repeating_then_convolving(blur):
    torch.manual_seed(0)
    layer = Convolution(5, 4, up=True, blur=blur).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 5, 6, 7, dtype=torch.float64)
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = F.conv2d(large, layer.weight * layer.gain, padding=1)
    expected = (blurred(expected) if blur else expected) + layer.bias[:, None, None]
    assert torch.allclose(layer(x), expected, atol=1e-12)


@pytest.mark.parametrize("blur", [False, True])
def test_shrinking_is_convolving_then_averaging(blur):
    torch.manual_seed(0)
    layer = Convolution(5, 4, down=True, blur=blur).double()
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 5, 6, 8, dtype=torch.float64)
    expected = F.conv2d(blurred(x) if blur else x, layer.weight * layer.gain, layer.bias, padding=1)
    assert torch.allclose(layer(x), F.avg_pool2d(expected, 2), atol=1e-12)


def test_convolutions_change_size_one_way_with_a_kernel_of_3():
    for bad in ({"up": True, "down": True}, {"kernel": 1, "up": True}, {"kernel": 1, "down": True}):
        with pytest.raises(ValueError, match="kernel of 3"):
            Convolution(2, 2, **bad)


def test_blur_is_the_binomial_filter():
    x = torch.zeros(1, 2, 5, 5)
    x[0, 1, 2, 2] = 16
    expected = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])
    assert torch.equal(blurred(x)[0, 1, 1:4, 1:4], expected)
    assert blurred(x)[0, 0].abs().max() == 0
    assert torch.equal(blurred(x, torch.tensor([3.0, 0])), blurred(x) + torch.tensor([3.0, 0])[:, None, None])


def test_blurred_growing_is_bilinear_inside():
    """[1, 2, 1] after repeating pixels is bilinear sampling (Karras et al. 2019, section 2)."""
    x = torch.randn(1, 3, 6, 6)
    smooth = blurred(x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    bilinear = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(smooth[:, :, 1:-1, 1:-1], bilinear[:, :, 1:-1, 1:-1], atol=1e-6)


def test_pixel_norm_by_loop():
    x = torch.randn(2, 6, 3, 3, dtype=torch.float64)
    normed = unit(x)
    for n in range(2):
        for y in range(3):
            for z in range(3):
                pixel = x[n, :, y, z]
                assert torch.allclose(normed[n, :, y, z], pixel / (pixel.square().mean() + 1e-8).sqrt())


def test_minibatch_deviation_by_loop():
    x = torch.randn(8, 3, 2, 2, dtype=torch.float64)
    out = MinibatchStd(group=4)(x)
    assert out.shape == (8, 4, 2, 2)
    assert torch.equal(out[:, :3], x)
    for first in range(2):
        members = [first, first + 2, first + 4, first + 6]
        places = itertools.product(range(3), range(2), range(2))
        deviations = [x[members, c, y, z].var(correction=0).add(1e-8).sqrt() for c, y, z in places]
        expected = torch.stack(deviations).mean()
        for member in members:
            assert torch.allclose(out[member, 3], expected.expand(2, 2))


def test_critic_fades_between_stages():
    """At alpha 0 the score is that of the halved picture a stage earlier, at 1 that of the grown network."""
    torch.manual_seed(0)
    critic = Critic(3, [8, 6, 4])
    images = torch.randn(4, 3, 16, 16)
    critic.growth.set(1, 1.0)
    earlier = critic(shrunk(images, 8))
    critic.growth.set(2, 0.0)
    assert torch.allclose(critic(images), earlier, atol=1e-6)
    critic.growth.set(2, 1.0)
    grown = critic(images)
    assert not torch.allclose(grown, earlier, atol=1e-3)
    critic.growth.set(2, 0.999999)
    assert torch.allclose(critic(images), grown, atol=1e-4)


def test_critic_averages_before_or_after_the_last_activation():
    torch.manual_seed(0)
    early, late = Critic(3, [8, 6]), Critic(3, [8, 6], pooled_last=True)
    late.load_state_dict(early.state_dict())
    images = torch.randn(4, 3, 8, 8)
    block = late.blocks[0]
    x = F.leaky_relu(late.rgb[1](images), 0.2)
    deep = F.leaky_relu(block.conv1(F.leaky_relu(block.conv0(x), 0.2)), 0.2)
    assert torch.allclose(block(x), F.avg_pool2d(deep, 2))
    assert block(x).shape == early.blocks[0](x).shape
    assert not torch.allclose(early(images), late(images), atol=1e-4)


@pytest.mark.parametrize("kind", [ProGAN, StyleGAN], ids=lambda kind: kind.name)
def test_losses_stay_finite_in_bfloat16_and_close_to_those_of_float32(kind):
    """Penalties differentiate twice, under autocast too."""
    family = kind(kind.presets["tiny"])
    family.advance(16 if kind is ProGAN else 8)  # in a fade
    batch = Batch(torch.rand(8, 3, 16, 16) * 2 - 1)
    for phase in family.phases():
        losses = []
        for enabled in (False, True):
            family.zero_grad()
            torch.manual_seed(0)
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                loss = phase.loss(batch).loss
            loss.backward()
            assert all(torch.isfinite(p.grad).all() for p in phase.learner.parameters() if p.grad is not None)
            losses.append(loss.item())
        assert losses[1] == pytest.approx(losses[0], rel=0.1, abs=0.05)
