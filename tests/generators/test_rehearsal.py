"""`forensics train`: what its options come to before, and instead of, a training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app.commands import make
from forensics.refusal import Refusal
from generators import snapshots
from generators.plan import Plan
from generators.rehearsal import duration, rehearse
from generators.trained import export
from generators.training import train


@pytest.fixture
def forensics():
    """Run `forensics train` with these words: what it said. Raises what it raised."""
    app = typer.Typer()
    app.command()(make.train)

    def run(*words: object) -> str:
        result = CliRunner().invoke(app, [*map(str, words), "--device", "cpu"])
        if result.exception:
            raise result.exception
        return result.output

    return run


@pytest.fixture(scope="module")
def classes(pictures, tmp_path_factory) -> Path:
    """The pictures, in a folder for each of two classes."""
    folder = tmp_path_factory.mktemp("classes")
    for number, picture in enumerate(sorted(pictures.iterdir())):
        place = folder / ("cat", "dog")[number % 2]
        place.mkdir(exist_ok=True)
        shutil.copyfile(picture, place / picture.name)
    return folder


def test_a_dry_run_tells_the_plan_and_writes_nothing(forensics, pictures, tmp_path):
    words = ["stylegan2", "--data", pictures, "--kimg", 1, "--preset", "tiny", "--batch", 8, "--microbatch", 4]
    said = forensics(*words, "--out", tmp_path / "run", "--dry-run")
    assert "family: stylegan2 (Karras et al. 2020)" in said
    assert "preset: tiny" in said
    assert "resolution 16" in said
    assert "photos: 12 at" in said
    assert "phases of a step: G, PL every 2, D, R1 every 2" in said
    assert "batch: 8 photos: 2 x 4 in 1 process" in said
    assert "length: 1 kimg, 125 steps" in said
    assert "images/s" in said
    assert "GiB" in said
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in pictures.iterdir()} == {f"{n:02d}.png" for n in range(12)}


def test_a_dry_run_counts_parameters_and_classes(classes):
    told = rehearse(Plan("stylegan2-ada", classes, kimg=1, preset="tiny", batch=4, cond=True), "cpu")
    from generators.families.stylegan2_ada import StyleGAN2ADA

    family = StyleGAN2ADA(StyleGAN2ADA.presets["tiny"])
    plain = sum(p.numel() for p in family.generator.parameters())
    assert int(told["parameters of generator"].replace(",", "")) > plain  # the embedding
    assert told["classes"] == "2"


def test_labels_are_used_or_refused_but_never_ignored(forensics, classes, pictures, tmp_path):
    def words(family: str, data: Path) -> list[object]:
        return [family, "--data", data, "--out", tmp_path / "run", "--kimg", 0.008, "--preset", "tiny", "--batch", 4]

    for given, says in (
        (words("stylegan2-ada", classes), "say --cond"),
        (words("dcgan", classes), "say --cond"),
        ([*words("stylegan2-ada", pictures), "--cond"], "has no labels"),
        ([*words("dcgan", classes), "--cond"], "dcgan knows no classes"),
    ):
        with pytest.raises(Refusal, match=says):
            forensics(*given)
        assert not (tmp_path / "run").exists()
    forensics(*words("dcgan", classes), "--no-cond")
    shutil.rmtree(tmp_path / "run")
    forensics(*words("stylegan2-ada", classes), "--cond")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["config"]["labels"] == 2
    assert config["classes"] == ["cat", "dog"]
    forensics("--resume", tmp_path / "run", "--kimg", 0.012)
    tensors, told = snapshots.read(snapshots.latest(tmp_path / "run"))
    assert told["step"] == 3
    assert tensors["family.generator.mapping.embed.weight"].shape[1] == 2
    with pytest.raises(Refusal, match="cond was True"):
        forensics(*words("stylegan2-ada", classes), "--no-cond")


def test_resume_takes_weights_for_a_new_run(forensics, pictures, tmp_path):
    train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), tmp_path / "run", "cpu")
    file = export(tmp_path / "run", tmp_path / "small.safetensors")
    words = ["--resume", file, "--data", pictures, "--kimg", 0.004, "--batch", 4]
    with pytest.raises(Refusal, match="missing --out"):
        forensics(*words)
    assert "start: starting from" in forensics(*words, "--out", tmp_path / "new", "--dry-run")
    said = forensics(*words, "--out", tmp_path / "new")
    assert "AVERAGED GENERATOR ONLY" in said
    config = json.loads((tmp_path / "new" / "config.json").read_text())
    assert (config["family"], config["preset"], config["start"]) == ("dcgan", "tiny", str(file))
    with pytest.raises(Refusal, match="holds a dcgan, not a gan"):
        forensics("gan", *words, "--preset", "tiny", "--out", tmp_path / "other")


def test_a_mistyped_resume_is_refused(forensics, tmp_path):
    with pytest.raises(Refusal, match="no training run"):
        forensics("--resume", tmp_path / "nowhere.safetensors")


def test_durations_are_said_in_fitting_units():
    assert [duration(s) for s in (30, 150, 9000, 400_000)] == ["30 seconds", "2.5 minutes", "2.5 hours", "4.6 days"]
