"""The gate and the layouts, where the benchmarks use them."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.commands.bench_photos import chosen
from benchmarks.calibration import measure as calibration
from benchmarks.detection.asked import Task, examine, shown
from benchmarks.detection.beside import PHOTO, Wanted, hold
from benchmarks.detection.measure import examined, measure
from benchmarks.matching import matched
from benchmarks.shots import Setup, gather
from benchmarks.table import Result
from forensics.photo import Photo
from forensics.refusal import Refusal
from tests.benchmarks.standins import Alone, pictures

N = 14  # photos a class


@pytest.fixture
def panel(panel, monkeypatch):
    """The stand-in, asked in this process."""
    monkeypatch.setattr("benchmarks.detection.measure.Crew", Alone)
    return panel


@pytest.fixture
def folder(tmp_path, rng) -> Path:
    """Large photographs beside small fakes, of the same colour."""
    for name, size, kind in (("0_real", (64, 48), "jpeg"), ("1_fake", (40, 40), "png")):
        pictures(tmp_path / "gan" / name, 120, rng, N, (size,), 20, kind)
    return tmp_path / "gan"


def test_a_leaking_set_is_told_in_bold_above_the_numbers_until_it_is_matched(panel, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = Setup((), (), "native", "all", rounds=50, sets=((None, folder),))
    result = measure(setup, panel.load, tmp_path / "out")
    assert any("dimensions (AUC 1.000)" in w and "are shown" in w for w in result.warnings)
    text = result.as_markdown()
    assert -1 < text.index(f"**{result.warnings[0]}**") < text.index("## ")
    assert Result.load(result.save(tmp_path / "kept")).warnings == result.warnings
    assert result.stamp.corpora.keys() == {str(folder)}
    calm = measure(replace(setup, match=True, launder="match"), panel.load, tmp_path / "out")
    cells = {row[0].split(" (")[0]: row[1:] for row in calm.table("leakage").rows}
    assert cells["dimensions"][0].value == 1
    assert cells["dimensions"][1].value == 0.5
    assert not any("dimensions" in w or "as they came" in w for w in calm.warnings)
    assert calibration.measure(setup, panel.load, tmp_path / "out").warnings == result.warnings


def test_matched_photos_have_their_own_scores_and_one_shape(panel, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    setup = Setup((), (), "match", "all", rounds=5, grey=3, sets=(("mygen", folder),), match=True)
    shots = matched(gather(setup)[0], Alone(panel.load, 1))
    assert {shot.shape for shot in shots} == {(36, 36)}
    assert {shot.key.split("-", 1)[1] for shot in shots} == {"36x36", "grey-36x36"}
    assert {s.shape for s in matched(gather(setup)[0][::-1], Alone(panel.load, 1))} == {(36, 36)}
    for shot in (shots[0], shots[-1]):
        assert shown("match", 0, Photo.open(shot.path), shot).pixels.shape == (36, 36, 3)
        assert examine("match", 0, hold(panel.load, Wanted()), Task(shot, (PHOTO,)))[PHOTO]["side_px"] == 36
    outcomes = examined(setup, panel.load, tmp_path / "out").outcomes
    assert {o.shot.source for o in outcomes if o.shot.fake} == {"mygen"}
    assert {o.side for o in outcomes} == {36}


def test_who_is_brought_to_which_shape_does_not_depend_on_the_order(panel, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for i, path in enumerate(sorted((folder / "1_fake").iterdir())):
        Image.open(path).resize((20 + i % 3, 30)).save(path)
    shots, _ = gather(Setup((), (), "match", "all", sets=((None, folder),)))
    found = [{s.sha256: s.shape for s in matched(part, Alone(panel.load, 1))} for part in (shots, shots[::-1])]
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 3


def test_a_tar_and_groups(panel, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with tarfile.open(tmp_path / "sd.tar", "w") as tar:
        for path in sorted(folder.rglob("*.*")):
            key = f"{path.parent.name}-{path.stem}"
            for name, data in (
                (f"{key}{path.suffix}", path.read_bytes()),
                (f"{key}.cls", path.parent.name[:1].encode()),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    setup = Setup((), (), "native", "all", rounds=5, sets=((None, tmp_path / "sd.tar"),))
    result = measure(setup, panel.load, tmp_path / "out")
    assert {row[0] for row in result.table("fakes").rows} == {"sd", "all"}
    assert (
        result.stamp.corpora[str(tmp_path / "sd.tar")]
        == measure(replace(setup, sets=((None, folder),)), panel.load, tmp_path / "out").stamp.corpora[str(folder)]
    )
    shots, _ = gather(replace(setup, sets=((None, folder),)))
    assert len({shot.group for shot in shots}) == N  # a photo and its fake copy are one group


def test_what_may_be_passed_together(tmp_path):
    assert chosen([tmp_path], ["a=b"], ["x=set.tar"], tmp_path) == (
        (tmp_path,),
        (("a", Path("b")),),
        (("x", Path("set.tar")),),
    )
    assert chosen(None, None, ["set"], tmp_path)[2] == ((None, Path("set")),)
    for real, fake in (([tmp_path], None), (None, ["a=b"])):
        with pytest.raises(Refusal, match="pass both --real and --fake, or --dataset"):
            chosen(real, fake, None, tmp_path)
    with pytest.raises(Refusal, match="--dataset =x: write NAME=FOLDER"):
        chosen(None, None, ["=x"], tmp_path)
