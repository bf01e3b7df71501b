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
    told = rehearse(Plan("stylegan2-ada", classes, kimg=1, preset="tiny", batch=4, cond=True), device="cpu")
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
    assert (config["family"], config["preset"], config["start_file"]) == ("dcgan", "tiny", str(file))
    with pytest.raises(Refusal, match="holds weights of dcgan, not of gan"):
        forensics("gan", *words, "--preset", "tiny", "--out", tmp_path / "other")


def test_a_mistyped_resume_is_refused(forensics, tmp_path):
    with pytest.raises(Refusal, match="no training run"):
        forensics("--resume", tmp_path / "nowhere.safetensors")


def test_durations_are_said_in_fitting_units():
    assert [duration(s) for s in (30, 150, 9000, 400_000)] == ["30 seconds", "2.5 minutes", "2.5 hours", "4.6 days"]


def test_a_run_goes_on_as_it_was_set(forensics, pictures, tmp_path):
    out = tmp_path / "run"
    train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), out, "cpu")
    for word, value in (
        ("--seed", 5),
        ("--batch", 8),
        ("--precision", "bf16"),
        ("--set", "lr=1"),
    ):
        with pytest.raises(Refusal, match=f"leave {word} away"):
            forensics("--resume", out, word, value)
    forensics("--resume", out, "--kimg", 0.008, "--snap", 0.004)
    assert json.loads((out / "config.json").read_text())["snap"] == 0.004
    assert len(list((out / "snapshots").iterdir())) == 2


def test_a_run_goes_on_from_another_folder(forensics, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(pictures.parent)
    forensics("dcgan", "--data", pictures.name, "--out", tmp_path / "run", "--kimg", 0.004, "--preset", "tiny")
    monkeypatch.chdir(tmp_path)
    forensics("--resume", "run", "--kimg", 0.128)
    assert snapshots.read(snapshots.latest(tmp_path / "run"))[1]["step"] == 2


def test_what_is_refused_leaves_nothing_behind(forensics, pictures, tmp_path):
    train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), tmp_path / "first", "cpu")
    file = export(tmp_path / "first", tmp_path / "small.safetensors")
    words = ["dcgan", "--resume", file, "--data", pictures, "--kimg", 0.004, "--batch", 4, "--out", tmp_path / "run"]
    with pytest.raises(Refusal, match="choose the preset"):
        forensics(*words, "--preset", "32")
    forensics(*words, "--preset", "tiny")  # as it was told to


def test_a_dry_run_refuses_a_folder_that_training_would(forensics, pictures, tmp_path):
    def words(out: Path, preset: str = "tiny") -> list[object]:
        return ["dcgan", "--data", pictures, "--kimg", 0.004, "--preset", preset, "--batch", 4, "--out", out]

    with pytest.raises(Refusal, match="no training run"):
        forensics(*words(pictures), "--dry-run")
    forensics(*words(tmp_path / "run"))
    with pytest.raises(Refusal, match="resolution was 16"):
        forensics(*words(tmp_path / "run", "32"), "--dry-run")


def test_enlarged_photos_are_said(forensics, pictures, tmp_path):
    words = ["dcgan", "--data", pictures, "--out", tmp_path / "run", "--kimg", 0.004, "--batch", 4]
    assert "12 of 12 photos are smaller than 32x32 px" in forensics(*words, "--preset", "32")
    assert "4 are smaller: enlarged" in forensics(
        *words[:3], "--out", tmp_path / "b", *words[5:], "--preset", "32", "--dry-run"
    )
    assert "smaller" not in forensics(*words[:3], "--out", tmp_path / "c", *words[5:], "--preset", "tiny")


@pytest.mark.parametrize("broken", ["{}", "[]", '{"family": "dcgan", "config": {}, "seed": 0}', "no json"])
def test_a_run_whose_config_is_broken_is_refused(forensics, tmp_path, broken):
    (tmp_path / "config.json").write_text(broken)
    with pytest.raises(Refusal, match=r"config\.json"):
        forensics("--resume", tmp_path)


def test_a_run_goes_on_without_the_weights_it_started_from(forensics, pictures, tmp_path):
    train(Plan("dcgan", pictures, kimg=0.004, preset="tiny", batch=4), tmp_path / "first", "cpu")
    file = export(tmp_path / "first", tmp_path / "small.safetensors")
    words = ["--resume", file, "--data", pictures, "--batch", 4, "--out", tmp_path / "run"]
    forensics(*words, "--kimg", 0.004)
    file.unlink()
    with pytest.raises(Refusal, match=f"if .* goes on: --resume {tmp_path / 'run'}"):
        forensics(*words, "--kimg", 0.008)
    assert "goes on from 000000000004" in forensics("--resume", tmp_path / "run", "--kimg", 0.008, "--dry-run")
    forensics("--resume", tmp_path / "run", "--kimg", 0.008)
    assert snapshots.read(snapshots.latest(tmp_path / "run"))[1]["step"] == 2
    before = (tmp_path / "run" / "config.json").read_bytes()
    assert "already at 0.008 kimg" in forensics("--resume", tmp_path / "run", "--kimg", 0.004)
    assert (tmp_path / "run" / "config.json").read_bytes() == before  # it was not done by this call


def test_a_run_goes_on_as_it_was_set_when_its_preset_has_changed(forensics, pictures, tmp_path, monkeypatch):
    words = [
        "dcgan",
        "--data",
        pictures,
        "--out",
        tmp_path / "run",
        "--preset",
        "tiny",
        "--batch",
        4,
        "--set",
        "lr=0.01",
    ]
    forensics(*words, "--kimg", 0.004)
    from generators.families.dcgan import DCGAN, DCGANConfig

    monkeypatch.setattr(DCGAN, "presets", {"tiny": DCGANConfig(resolution=32)})
    forensics("--resume", tmp_path / "run", "--kimg", 0.008)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["config"]["resolution"] == 16
    with pytest.raises(Refusal, match="resolution was 16"):
        forensics(*words, "--kimg", 0.012)


def test_photos_that_moved_are_found_where_they_are(forensics, pictures, tmp_path):
    shutil.copytree(pictures, tmp_path / "a")
    forensics("dcgan", "--data", tmp_path / "a", "--out", tmp_path / "run", "--kimg", 0.064, "--preset", "tiny")
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(Refusal, match=r"no such|does not exist"):
        forensics("--resume", tmp_path / "run", "--kimg", 0.128)
    forensics("--resume", tmp_path / "run", "--kimg", 0.128, "--data", tmp_path / "b")
    (tmp_path / "b" / "00.png").unlink()
    with pytest.raises(Refusal, match="corpus was"):
        forensics("--resume", tmp_path / "run", "--kimg", 0.192, "--data", tmp_path / "b")


def test_weights_made_with_other_settings_are_started_from_as_they_are(forensics, pictures, tmp_path):
    words = ["--data", pictures, "--kimg", 0.004, "--batch", 4]
    forensics("dcgan", *words, "--out", tmp_path / "a", "--preset", "tiny", "--set", "width=6", "--set", "latent=5")
    file = export(tmp_path / "a", tmp_path / "small.safetensors")
    forensics("--resume", file, *words, "--out", tmp_path / "b")
    config = json.loads((tmp_path / "b" / "config.json").read_text())["config"]
    assert (config["width"], config["latent"]) == (6, 5)


def test_a_snapshot_that_was_never_looked_at_is_looked_at_when_the_run_goes_on(
    forensics, pictures, tmp_path, monkeypatch
):
    from generators.keeping import Keeper

    class Killed(Exception):
        pass

    def killed(*_):
        raise Killed

    words = [
        "dcgan",
        "--data",
        pictures,
        "--out",
        tmp_path / "run",
        "--preset",
        "tiny",
        "--batch",
        4,
        "--snap",
        0.004,
    ]
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "tell", killed)
        with pytest.raises(Killed):
            forensics(*words, "--kimg", 0.004)
    forensics(*words, "--kimg", 0.008)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "snapshot" in row] == [1, 2]
    assert len(list((tmp_path / "run" / "samples").iterdir())) == 2
    assert [row["step"] for row in rows if "D loss" in row][-1] == 2  # the last step is logged
