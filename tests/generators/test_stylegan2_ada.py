"""StyleGAN2-ADA: what its discriminator sees, p over a run, freezing, transfer, shapes and channels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from generators import snapshots
from generators.ada.auto import auto
from generators.families.stylegan2 import StyleGAN2
from generators.families.stylegan2_ada import StyleGAN2ADA
from generators.family import Batch
from generators.plan import Plan
from generators.training import train

TINY = StyleGAN2ADA.presets["tiny"]


def batch_of(family: StyleGAN2ADA, n: int = 4) -> Batch:
    labels = torch.eye(family.config.labels)[torch.arange(n) % family.config.labels] if family.config.labels else None
    return Batch(torch.rand(n, family.config.channels, *family.size) * 2 - 1, labels)


def descend(family: StyleGAN2ADA, batch: Batch) -> None:
    """Each phase once, as the loop does."""
    family.advance(0)
    for phase in family.phases():
        family.requires_grad_(False)
        phase.learner.requires_grad_(True)
        outcome = phase.loss(batch)
        outcome.loss.backward()
        assert torch.isfinite(outcome.loss)
        learned = list(phase.learner.parameters())
        assert all(p.grad is None or torch.isfinite(p.grad).all() for p in learned)
        torch.optim.SGD(learned, 0.01).step()
        family.zero_grad(set_to_none=True)


def test_the_discriminator_sees_nothing_unaugmented():
    """Photos and pictures, in every phase: cutout at p = 1 leaves its grey rectangle in each."""
    family = StyleGAN2ADA(replace(TINY, augment="cutout", p=1.0, cap=None))
    seen = []
    family.discriminator.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    phases = [phase for phase in family.phases() if phase.name != "PL"]
    for phase in phases:
        phase.loss(batch_of(family))
    assert [phase.name for phase in phases] == ["G", "D", "R1"]
    assert len(seen) == 4  # of D two: pictures and photos
    for images in seen:
        assert ((images == 0).all(1).flatten(1).sum(1) >= 16).all()


def test_augmentation_off_is_stylegan2():
    family = StyleGAN2ADA(replace(TINY, augment="none"))
    images = torch.rand(2, 3, 16, 16)
    assert family.seen(images) is images
    assert list(family.warnings()) == []


def test_r1_is_taken_at_the_photos_through_the_augmentation():
    """Doubling the contrast doubles the gradient at the photo: the penalty is four times D's own."""
    family = StyleGAN2ADA(TINY).double()
    photos = torch.rand(4, 3, 16, 16, dtype=torch.float64)
    family.seen = lambda images: images * 2
    penalty = family.flat_at_photos(Batch(photos)).loss
    family.seen = lambda images: images
    plain = family.flat_at_photos(Batch(photos * 2)).loss
    torch.testing.assert_close(penalty, 4 * plain)


def test_p_follows_the_discriminator_and_is_saved(pictures, tmp_path):
    family = StyleGAN2ADA(replace(TINY, p=0.2))
    for images_seen in range(0, 20, 4):
        family.advance(images_seen)
        family.noticed(torch.ones(4))
    assert float(family.strength.p) == pytest.approx(0.2 + 2 * 8 / 100)
    plan = Plan("stylegan2-ada", pictures, kimg=0.016, preset="tiny", batch=4)
    state, _ = snapshots.read(train(plan, tmp_path / "run", "cpu"))
    assert 0 <= float(state["family.strength.p"]) <= 0.8 + 1e-6
    assert float(state["family.strength.p"]) != 0.5  # where it began
    told = family.tell_apart(batch_of(family)).measures
    assert {"ADA p", "r_t"} <= {*told}


def test_warnings_reach_the_watch():
    family = StyleGAN2ADA(replace(TINY, p=0.8))
    assert any("leak" in line for line in family.warnings())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_other_channels_and_shapes_train(channels):
    family = StyleGAN2ADA(replace(TINY, channels=channels, start=(4, 3), p=0.7, labels=channels % 2 * 2))
    assert family.size == (16, 12)
    descend(family, batch_of(family))
    labels = torch.eye(2) if family.config.labels else None
    assert family.sample(family.draw(2), labels).shape == (2, channels, 16, 12)


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_freezing(architecture, layers):
    torch.manual_seed(0)
    free = StyleGAN2ADA(replace(TINY, critic_architecture=architecture))
    family = StyleGAN2ADA(replace(TINY, critic_architecture=architecture, freeze_d=layers))
    assert family.state_dict().keys() == free.state_dict().keys()
    family.load_state_dict(free.state_dict())
    descend(family, batch_of(family))
    before, after = free.discriminator.state_dict(), family.discriminator.state_dict()
    same = {name for name in after if torch.equal(before[name], after[name])}
    expected = ["b16.fromrgb", "b16.conv0", "b16.conv1", "b8.conv0", "b8.conv1"][:layers]
    for name in expected:
        assert {f"{name}.weight", f"{name}.bias"} <= same
    assert ("b16.skip.weight" in same) == (architecture == "resnet" and layers > 2)
    learned = {name for name, _ in family.discriminator.named_parameters()}
    assert {"b16.conv0.weight", "b16.conv1.weight", "b8.conv0.weight", "b8.conv1.weight"} & learned == {
        f"{name}.weight" for name in ["b16.conv0", "b16.conv1", "b8.conv0", "b8.conv1"][max(layers - 1, 0) :]
    }
    assert {"b4.conv.weight", "b4.out.weight"} <= learned - same


def test_transfer_from_stylegan2_fits():
    """The presets that ship: all tensors of StyleGAN2's match, and only the strength is new."""
    with torch.device("meta"):
        before, after = StyleGAN2(StyleGAN2.presets["faces"]), StyleGAN2ADA(StyleGAN2ADA.presets["faces"])
    shapes = {name: tensor.shape for name, tensor in after.state_dict().items()}
    assert {name: t.shape for name, t in before.state_dict().items()}.items() <= shapes.items()
    assert all(name.startswith("strength.") for name in shapes.keys() - before.state_dict().keys())


def test_presets_are_the_published_settings():
    assert next(iter(StyleGAN2ADA.presets)) == "auto256"
    config = StyleGAN2ADA.presets["auto512"]
    settings = auto(512)
    assert (config.batch, config.gamma, config.base) == (settings.batch, settings.gamma, 32768)
    assert StyleGAN2ADA.presets["cifar"].mixing == 0
    assert StyleGAN2ADA.presets["paper256"].group == 8


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"augment": "bgx"}, "one of blit"),
        ({"augment": "bgcf"}, "above 21 px"),
        ({"cap": 1.5}, "0 to 1"),
        ({"freeze_d": 6}, "0 to 5"),
        ({"ada_every": 0}, "from 1 on"),
    ],
    ids=str,
)
def test_nonsense_is_refused(change, says):
    with pytest.raises(ValueError, match=says):
        replace(TINY, **change)
