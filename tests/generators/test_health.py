"""What goes wrong in a training is said, once it does, and not before."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from forensics.refusal import Refusal
from generators import health, snapshots
from generators.families.dcgan import DCGAN
from generators.health import GRACE, SAMPLES, Health, Thumbnails, nearest, space_for, spread
from generators.plan import Plan
from generators.training import train


def noise(n: int = SAMPLES, seed: int = 0) -> torch.Tensor:
    """Pictures, all different."""
    return torch.rand(n, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def alike(seed: int, amount: float = 0.05) -> torch.Tensor:
    """One picture and faint variations of it."""
    return noise(1, seed) + amount * noise(SAMPLES, seed + 100)


JUDGED = {"D_loss": 1.0, "G_loss": 1.0}  # what a family with a discriminator measures; "_" for a space


def warned(examined: list[torch.Tensor], images_seen: int = GRACE, **means: float) -> str:
    """What is said of the last of these samples. Without `means`, of a family with a discriminator."""
    means = means or JUDGED
    watched = Health(noise(), Thumbnails())
    for images in examined:
        found = watched.examine(images)
    return "\n".join(watched.warnings(found, {name.replace("_", " "): v for name, v in means.items()}, images_seen))


def test_spread_is_the_mean_distance_between_pairs():
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    assert spread(points) == pytest.approx((5 + 1 + 18**0.5) / 3)
    assert nearest(points) == pytest.approx((1 + 1 + 18**0.5) / 3)


def test_diverse_samples_are_well():
    watched = Health(noise(seed=1), Thumbnails())
    assert watched.examine(noise(seed=2))["diversity"] == pytest.approx(1, abs=0.1)
    assert warned([noise(seed=s) for s in range(5)], D_real=0.8, D_fake=0.7) == ""


def test_collapse_is_named_with_its_space():
    said = warned([alike(1)] * 4)
    assert said.startswith("mode collapse: samples differ 5% as much as photos do (in pixels-8px)")
    assert "rotation" not in said
    assert warned([alike(1)], images_seen=GRACE - 1) == ""  # the first pictures are noise


def test_a_few_kinds_are_a_collapse_that_the_mean_distance_does_not_see():
    kinds = noise(4).repeat_interleave(SAMPLES // 4, 0) + 0.01 * noise(seed=9)
    said = warned([kinds])
    assert said.startswith("partial mode collapse")
    assert "nearest ones only 1%" in said


@pytest.mark.parametrize("means", [{"VAE_loss": 1.0, "KL": 2.0, "error": 20.0}, {"AE_loss": 1.0, "error": 20.0}])
def test_without_a_discriminator_low_diversity_is_blur_or_unused_codes(means):
    said = warned([alike(1)] * 4, **means)
    assert said.startswith("low diversity: samples differ 5% as much as photos do (in pixels-8px). Blur, as pixel")
    assert "posterior collapse" in said
    assert "Try a lower beta or deviation, more latents, or longer training" in said
    for wrong in ("mode", "pass", "R1", "seed", "minibatch", "discriminator"):
        assert wrong not in said
    kinds = noise(4).repeat_interleave(SAMPLES // 4, 0) + 0.01 * noise(seed=9)
    assert "but the nearest ones only 1%. Blur" in warned([kinds], **means)
    said = warned([alike(s) for s in range(1, 5)], **means)
    assert said.startswith("restless samples")
    assert "discriminator" not in said
    assert warned([noise(seed=s) for s in range(5)], **means) == ""
    assert warned([alike(1)], images_seen=GRACE - 1, **means) == ""


def test_luma_with_alpha_is_seen_by_its_luma():
    grey, alpha = noise()[:, :1], noise(seed=3)[:, :1]
    both = Health(torch.cat([grey, alpha], 1), Thumbnails()).examine(torch.cat([grey, -alpha], 1))
    assert both["diversity"] == pytest.approx(1)


def test_rotation_is_collapse_that_moves():
    assert warned([alike(s) for s in range(1, 5)]).startswith("mode rotation")
    assert "rotation" not in warned([alike(s) for s in range(1, 4)])  # three pictures, two turns
    assert "rotation" not in warned([noise(seed=s) for s in range(1, 9)])  # others, but not alike
    assert "rotation" not in warned([alike(s) for s in (1, 2, 3, 3, 4)])  # it stood still in between


def test_rotation_is_remembered_over_a_resume():
    rows = []
    watched = Health(noise(), Thumbnails())
    for seed in range(1, 4):
        rows.append(watched.examine(alike(seed)))
    resumed = Health(noise(), Thumbnails())
    resumed.resume(alike(3), rows)
    assert resumed.turns == watched.turns == 2
    found = resumed.examine(alike(4))
    assert found == watched.examine(alike(4))
    assert resumed.warnings(found, {"D loss": 1.0}, GRACE)[0].startswith("mode rotation")


@pytest.mark.parametrize(
    ("real", "fake", "says"),
    [
        (0.999, 0.999, "learns little"),
        (0.999, 0.001, "everything a photo"),
        (0.001, 0.999, "everything a fake"),
        (0.98, 0.999, ""),
        (0.5, 0.51, "as if it guessed"),
        (0.55, 0.51, ""),
    ],
)
def test_useless_discriminators(real, fake, says):
    said = warned([noise(seed=2)], D_real=real, D_fake=fake)
    assert says in said
    assert bool(said) == bool(says)


def test_small_pictures_are_compared_as_pixels_and_others_by_the_network():
    assert space_for((16, 32)).name == "pixels-8px"
    assert space_for((32, 32)).name.startswith("effnet")
    assert Thumbnails()(noise(2)).shape == (2, Thumbnails.dims)


@pytest.fixture
def plan(pictures) -> Plan:
    return Plan("dcgan", pictures, kimg=0.016, preset="tiny", batch=4, snap=0.008)


def rows_of(out, key: str) -> list[dict]:
    return [row for row in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if key in row]


def test_warnings_are_shown_and_kept_in_the_log(plan, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(health, "GRACE", 0)
    monkeypatch.setattr(health, "COLLAPSED", 1.0)  # an untrained network's pictures are nearly alike
    monkeypatch.setattr(health, "BLIND", 0.0)
    monkeypatch.setattr(DCGAN, "warnings", lambda self: ["augmentations threaten to leak"])
    train(plan, tmp_path / "run", "cpu")
    kept = [row["warning"] for row in rows_of(tmp_path / "run", "warning")]
    assert [line[:13] for line in kept] == ["mode collapse", "augmentations"] * 2
    assert "warning: mode collapse" in capsys.readouterr().err
    measured = rows_of(tmp_path / "run", "snapshot")
    assert [row["space"] for row in measured] == ["pixels-8px"] * 2
    assert measured[0]["diversity"] < 1
    assert "moved" in measured[1]


def test_a_vae_is_not_told_of_collapse(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(health, "GRACE", 0)
    monkeypatch.setattr(health, "COLLAPSED", 1.0)
    train(replace(plan, family="vae"), tmp_path / "run", "cpu")
    kept = [row["warning"] for row in rows_of(tmp_path / "run", "warning")]
    assert [line[:13] for line in kept] == ["low diversity"] * 2


def test_weights_that_are_no_numbers_are_not_saved(plan, tmp_path, monkeypatch):
    train(replace(plan, kimg=0.008), tmp_path / "run", "cpu")
    follow = DCGAN.follow

    def broken(self, decay):
        follow(self, decay)
        self.generator.project.weight.data[0, 0] = float("nan")

    monkeypatch.setattr(DCGAN, "follow", broken)
    with pytest.raises(Refusal, match=r"diverged.*generator\.project\.weight"):
        train(plan, tmp_path / "run", "cpu")
    assert snapshots.latest(tmp_path / "run").stem == "000000000008"
    assert "diverged at step" in rows_of(tmp_path / "run", "warning")[-1]["warning"]


def test_a_score_at_every_snapshot(plan, tmp_path):
    train(replace(plan, metric="fid-like"), tmp_path / "run", "cpu")
    rows = rows_of(tmp_path / "run", "snapshot")
    assert [row["n"] for row in rows] == [12, 12]
    assert all(row["fid-like"] > 0 for row in rows)
