from __future__ import annotations

import csv
import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from forensics.corpus import Corpus
from forensics.refusal import Refusal
from generators.cropping import Cut
from generators.journal import Origin
from generators.prepare import prepare


def make(source: Path, target: Path, size: int | None = 16, **more):
    return prepare(source, target, Cut(size), Origin(domain="smooth"), **more)


def test_makes_square_png_of_the_size_with_manifest(pictures, tmp_path):
    made = make(pictures, tmp_path / "c")
    assert made.kept == 12
    assert made.left_out == ()
    corpus = Corpus.open(tmp_path / "c")
    assert len(corpus) == 12
    for entry in corpus:
        path = corpus.path(entry)
        assert (entry.width, entry.height) == (16, 16) == Image.open(path).size
        assert path.suffix == ".png"
        assert entry.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (entry.label, entry.maker, entry.domain) == ("real", "camera", "smooth")
        assert (pictures.parent / entry.source).exists()
        assert entry.split in ("train", "calibration", "test")
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    assert config["cut"]["size"] == 16
    assert config["versions"]["forensics"]


def test_bad_files_are_listed_never_fatal(pictures, tmp_path):
    source = tmp_path / "mixed"
    source.mkdir()
    good = (pictures / "00.png").read_bytes()
    (source / "good.png").write_bytes(good)
    (source / "cut, short.png").write_bytes(good[: len(good) // 2])
    (source / "empty.jpg").write_bytes(b"")
    (source / "text.jpg").write_text("no picture")
    (source / "notes.txt").write_text("not looked at")
    made = make(source, tmp_path / "c")
    assert made.kept == 1
    assert [name for name, _ in made.left_out] == ["cut, short.png", "empty.jpg", "text.jpg"]
    with open(tmp_path / "c" / "left_out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["mixed/cut, short.png", "mixed/empty.jpg", "mixed/text.jpg"]
    assert "truncated" in rows[0]["reason"]
    assert "empty" in rows[1]["reason"]


def test_a_zip_is_as_good_as_a_folder(pictures, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(pictures.iterdir()):
            file.write(path, f"inside/{path.name}")
        file.writestr("../../escape.png", (pictures / "00.png").read_bytes())
        file.writestr("__MACOSX/._01.png", b"resource fork")
    made = make(archive, tmp_path / "deep" / "c")
    assert made.kept == 13
    assert list(tmp_path.rglob("escape.png")) == [tmp_path / "deep" / "c" / "photos" / "escape.png"]
    inside = (tmp_path / "deep" / "c").resolve()
    assert all(inside in made.corpus.path(entry).resolve().parents for entry in made.corpus)
    folder = make(pictures, tmp_path / "f").corpus
    assert {e.sha256 for e in folder} == {e.sha256 for e in made.corpus}


def test_native_keeps_files_byte_for_byte(pictures, tmp_path):
    source = tmp_path / "jpegs"
    (source / "sub").mkdir(parents=True)
    Image.open(pictures / "03.png").resize((40, 30)).save(source / "sub" / "a.JPG", "JPEG", quality=71)
    made = make(source, tmp_path / "c", size=None)
    (entry,) = made.corpus
    assert entry.path == "jpegs/sub/a.JPG"
    assert made.corpus.path(entry).read_bytes() == (source / "sub" / "a.JPG").read_bytes()
    assert (entry.width, entry.height) == (40, 30)


def test_copies_share_group_and_split(pictures, tmp_path):
    source = tmp_path / "copies"
    source.mkdir()
    for number, path in enumerate(sorted(pictures.iterdir())):
        image = Image.open(path)
        image.save(source / f"{number}.png")
        image.resize((96, 96), Image.Resampling.BICUBIC).save(source / f"{number}-copy.jpg", quality=80)
    corpus = make(source, tmp_path / "c").corpus
    told = {Path(entry.path).stem: (entry.group, entry.split) for entry in corpus}
    assert len(told) == 24
    for number in range(12):
        assert told[str(number)] == told[f"{number}-copy"]
    assert len({group for group, _ in told.values()}) > 6


def copies_of(pictures: Path, source: Path) -> Path:
    """Each picture, a larger copy of it as JPEG, and one file that is none."""
    source.mkdir()
    for path in sorted(pictures.iterdir())[:6]:
        image = Image.open(path)
        image.save(source / f"{path.stem}.png")
        image.resize((48, 48), Image.Resampling.BICUBIC).save(source / f"{path.stem}-large.jpg", quality=90)
    (source / "bad.png").write_bytes(b"no picture")
    return source


def test_dedupe_drops_copies_and_says_of_what(pictures, tmp_path):
    source = copies_of(pictures, tmp_path / "copies")
    made = make(source, tmp_path / "c", dedupe=True)
    assert made.kept == len(made.corpus) == 6
    assert {Path(entry.path).stem for entry in made.corpus} == {f"{n:02d}-large" for n in range(6)}  # the larger
    assert dict(made.left_out)["03.png"] == "a copy of copies/03-large.jpg"
    assert "copies/03.png,a copy of copies/03-large.jpg" in (tmp_path / "c" / "left_out.csv").read_text()
    assert len(list((tmp_path / "c" / "copies").iterdir())) == 6
    again = make(source, tmp_path / "c", dedupe=True)
    assert again.corpus == made.corpus
    assert again.left_out == made.left_out


def test_dedupe_looks_across_sources(pictures, tmp_path):
    make(pictures, tmp_path / "c", dedupe=True)
    made = make(copies_of(pictures, tmp_path / "copies"), tmp_path / "c", dedupe=True)
    assert len(made.corpus) == 12
    assert made.kept == 6  # larger than the first source's
    assert make(pictures, tmp_path / "c").kept == 6


def workers_change_nothing(source: Path, tmp_path: Path, cut: Cut) -> int:
    """How many were kept."""
    made, n = [], len(list(source.iterdir()))
    for workers in (1, 2):
        seen = []
        watch = lambda done, total, seen=seen: seen.append((done, total))  # noqa: E731
        made.append(prepare(source, tmp_path / str(workers), cut, Origin(), progress=watch, workers=workers))
        assert seen == [(number, n) for number in range(1, n + 1)]
    assert made[0].corpus.entries == made[1].corpus.entries
    assert made[0].left_out == made[1].left_out
    return made[0].kept


def test_workers_change_nothing(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("generators.prepare.PER_WORKER", 1)
    assert workers_change_nothing(copies_of(pictures, tmp_path / "some"), tmp_path, Cut(16)) == 12


@pytest.mark.slow
def test_workers_change_no_aligned_face(pictures, tmp_path, monkeypatch, portrait_file):
    monkeypatch.setattr("generators.prepare.PER_WORKER", 1)
    source = copies_of(pictures, tmp_path / "some")
    (source / "portrait.jpg").write_bytes(portrait_file.read_bytes())
    assert workers_change_nothing(source, tmp_path, Cut(64, align_faces=True)) == 1


def test_labels_are_kept_in_the_manifest(pictures, tmp_path):
    source = tmp_path / "labelled"
    source.mkdir()
    for name in ("00.png", "01.png", "02.png"):
        (source / name).write_bytes((pictures / name).read_bytes())

    def kinds(target: str, told: object = None) -> list[str]:
        if told is not None:
            (source / "dataset.json").write_text(json.dumps({"labels": told}))
        return [entry.kind for entry in make(source, tmp_path / target).corpus]

    assert kinds("a") == ["", "", ""]
    assert kinds("b", [["02.png", 4], ["00.png", 0]]) == ["0", "", "4"]
    assert kinds("c", [["02.png", [0.5, 1]]]) == ["", "", "[0.5, 1.0]"]
    (source / "dataset.json").unlink()
    (source / "manifest.csv").write_text("somebody,else's\n1,2\n")  # no concern of ours
    assert kinds("d") == ["", "", ""]
    (source / "dogs").mkdir()
    for name in ("00.png", "01.png"):
        (source / name).rename(source / "dogs" / name)
    (source / "cats").mkdir()
    (source / "02.png").rename(source / "cats" / "02.png")
    assert kinds("e") == ["cats", "dogs", "dogs"]
    (source / "dataset.json").write_text("no json")
    with pytest.raises(Refusal, match="is no JSON"):
        make(source, tmp_path / "f")


def test_two_names_never_become_one_file(pictures, tmp_path):
    source = tmp_path / "twins"
    source.mkdir()
    Image.open(pictures / "00.png").save(source / "a.png")
    Image.open(pictures / "01.png").save(source / "a.jpg")
    Image.open(pictures / "02.png").save(source / "A.bmp")
    corpus = make(source, tmp_path / "c").corpus
    assert len({entry.path.lower() for entry in corpus}) == 3
    assert len({entry.sha256 for entry in corpus}) == 3


def test_names_that_are_no_text(pictures, tmp_path):
    source = tmp_path / "names"
    source.mkdir()
    for name, file in ((b"caf\xe9.png", "00.png"), (b"a, b\n.png", "01.png"), ("ü.png".encode(), "02.png")):
        (source / os.fsdecode(name)).write_bytes((pictures / file).read_bytes())
    (source / os.fsdecode(b"bad\xff.jpg")).write_bytes(b"no picture")
    made = make(source, tmp_path / "c")
    assert made.kept == 3
    assert all(made.corpus.path(entry).exists() for entry in Corpus.open(tmp_path / "c"))
    assert "names/bad_.jpg" in (tmp_path / "c" / "left_out.csv").read_text()


def test_goes_on_where_it_stopped(pictures, tmp_path):
    class Stop(Exception):
        pass

    def stop_at_five(done: int, total: int) -> None:
        if done == 5:
            raise Stop

    with pytest.raises(Stop):
        make(pictures, tmp_path / "c", progress=stop_at_five)
    journal = tmp_path / "c" / ".prepared" / "photos.jsonl"
    assert len(journal.read_text().splitlines()) == 5
    with open(journal, "a") as file:
        file.write('{"name": "05.png", "pa')  # killed in the middle of a line
    (tmp_path / "c" / "photos" / "03.png").unlink()  # and a picture lost
    before = (tmp_path / "c" / "photos" / "02.png").stat().st_mtime_ns
    made = make(pictures, tmp_path / "c")
    assert (tmp_path / "c" / "photos" / "02.png").stat().st_mtime_ns == before
    assert made.corpus.sha256 == make(pictures, tmp_path / "whole").corpus.sha256


ROW = {"name": "03.png", "path": "photos/03.png", "width": 16, "height": 16, "sha256": "", "likeness": "0" * 16}


@pytest.mark.parametrize(
    "broken",
    [
        b"no json",
        b"\xff",
        b"[]",
        b"{}",
        b'{"name": "03.png"}',
        b'{"name": 3, "left_out": "why"}',
        json.dumps(ROW | {"path": "../x.png"}).encode(),
        json.dumps(ROW | {"path": "/x.png"}).encode(),
        json.dumps(ROW | {"width": "16"}).encode(),
        json.dumps(ROW | {"likeness": "x"}).encode(),
        json.dumps(ROW | {"class": ["x"]}).encode(),
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_a_broken_line_of_the_journal_is_named_and_may_be_deleted(pictures, tmp_path, broken):
    whole = make(pictures, tmp_path / "c").corpus
    journal = tmp_path / "c" / ".prepared" / "photos.jsonl"
    lines = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([*lines[:3], broken, *lines[4:], b""]))
    with pytest.raises(Refusal, match=r"photos\.jsonl, line 4: no row of ours; delete it"):
        make(pictures, tmp_path / "c")
    journal.write_bytes(b"\n".join([*lines[:3], *lines[4:], b""]))
    assert make(pictures, tmp_path / "c").corpus == whole


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        '{"cut": [], "sources": {}}',
        '{"cut": {}, "sources": []}',
        '{"cut": {}, "sources": {"a": 1}}',
    ],
)
def test_a_broken_config_is_refused(pictures, tmp_path, text):
    make(pictures, tmp_path / "c")
    (tmp_path / "c" / "config.json").write_text(text)
    with pytest.raises(Refusal, match=r"config\.json is none of ours") as refused:
        make(pictures, tmp_path / "c")
    assert "\n" not in str(refused.value)
    (tmp_path / "c" / "config.json").write_text('{"cut": {"size": 16}, "sources": {}}')
    with pytest.raises(Refusal, match="prepared with size 16, align_faces None"):
        make(pictures, tmp_path / "c")


def test_a_source_of_which_nothing_is_kept_is_refused_with_the_first_reason(pictures, tmp_path):
    from app.commands.corpus import group

    source = tmp_path / "bad"
    source.mkdir()
    for name in ("a.png", "b.png"):
        (source / name).write_bytes(b"no picture")
    make(pictures, tmp_path / "c")
    for target in (tmp_path / "c", tmp_path / "new"):
        words = ["prepare", str(source), str(target), "--size", "16", "--domain", "smooth"]
        for _ in range(2):  # asked again, it says it again
            refused = CliRunner().invoke(group, words).exception
            assert isinstance(refused, Refusal)
            assert "none of its 2 pictures was kept" in str(refused)
            assert "the first, a.png: " in str(refused)
        assert "bad/b.png" in (target / "left_out.csv").read_text()
    assert len(Corpus.open(tmp_path / "c")) == 12
    zipped = ["prepare", str(source), str(tmp_path / "c.zip"), "--size", "16", "--layout", "stylegan"]
    assert "the first, a.png: " in str(CliRunner().invoke(group, zipped).exception)
    (source / "b.png").unlink()
    (source / "c.png").write_bytes((pictures / "00.png").read_bytes())
    assert make(source, tmp_path / "new").kept == 1


def test_a_licence_goes_with_each_picture(pictures, tmp_path):
    from app.commands.corpus import group

    words = ["prepare", str(pictures), str(tmp_path / "c"), "--size", "16", "--licence", "CC BY 4.0, with a comma"]
    result = CliRunner().invoke(group, words)
    assert result.exit_code == 0, result.output
    assert {entry.licence for entry in Corpus.open(tmp_path / "c")} == {"CC BY 4.0, with a comma"}
    with pytest.raises(Refusal, match="licence CC BY"):
        prepare(pictures, tmp_path / "c", Cut(16), Origin())


def test_a_corpus_from_before_licences_goes_on(pictures, tmp_path):
    make(pictures, tmp_path / "c")
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    del config["sources"]["photos"]["licence"]
    (tmp_path / "c" / "config.json").write_text(json.dumps(config))
    assert make(pictures, tmp_path / "c").kept == 12


def test_a_corpus_from_before_crops_goes_on(pictures, tmp_path):
    make(pictures, tmp_path / "c")
    config = json.loads((tmp_path / "c" / "config.json").read_text())
    del config["cut"]["crop"], config["cut"]["kernel"]
    (tmp_path / "c" / "config.json").write_text(json.dumps(config))
    assert make(pictures, tmp_path / "c").kept == 12
    with pytest.raises(Refusal, match=r"prepared with size 16.* crop None.*; not with size 16.* crop center"):
        prepare(pictures, tmp_path / "c", Cut(16, crop="center"), Origin(domain="smooth"))


def test_a_second_source_joins_the_corpus(pictures, tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    for name in ("00.png", "01.png"):
        (other / name).write_bytes((pictures / name).read_bytes())
    make(pictures, tmp_path / "c")
    corpus = make(other, tmp_path / "c").corpus
    assert len(corpus) == 14
    groups = {entry.path: entry.group for entry in corpus}
    assert groups["more/00.png"] == groups["photos/00.png"]


def test_refuses_what_cannot_work(pictures, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    make(pictures, tmp_path / "c")
    for source, target, cut, says in (
        (tmp_path / "nowhere", tmp_path / "x", {"size": 16}, "does not exist"),
        (tmp_path / "file.txt", tmp_path / "x", {"size": 16}, "neither a folder nor a zip"),
        (tmp_path / "empty", tmp_path / "x", {"size": 16}, "no pictures"),
        (pictures, pictures / "inside", {"size": 16}, "inside the source"),
        (pictures, tmp_path / "c", {"size": 32}, "was prepared with size 16"),
        (pictures, tmp_path, {"size": 16}, "inside|not empty"),
        (pictures, tmp_path / "x", {"size": None, "align_faces": True}, "native"),
        (pictures, tmp_path / "x", {"size": 5}, "8 to 4096"),
    ):
        with pytest.raises(Refusal, match=says):
            prepare(source, target, Cut(**cut), Origin(domain="smooth"))


def test_faces_are_aligned_and_photos_without_are_listed(portrait_file, scene_file, tmp_path):
    from forensics.face import IRIS, largest_face
    from forensics.photo import Photo

    source = tmp_path / "people"
    source.mkdir()
    photo = Photo.open(portrait_file)
    (source / "portrait.jpg").write_bytes(photo.data)
    (source / "scene.jpg").write_bytes(scene_file.read_bytes())
    left, top, right, bottom = largest_face(photo).box
    Image.fromarray(photo.pixels[top:bottom, left:right]).save(source / "tight.png")
    made = prepare(source, tmp_path / "c", Cut(256, align_faces=True), Origin())
    assert made.kept == 1
    reasons = dict(made.left_out)
    assert "no face" in reasons["scene.jpg"]
    assert "leaves the photo" in reasons["tight.png"]
    (entry,) = made.corpus
    face = largest_face(Photo.open(made.corpus.path(entry)))
    eyes = np.array([face.points[IRIS[side][0]] for side in ("left", "right")])
    assert abs(eyes[0, 1] - eyes[1, 1]) < 8  # upright
    assert np.allclose(eyes.mean(0), (128, 122), atol=12)  # where FFHQ has them


def test_command(pictures, tmp_path):
    from app.commands.corpus import group

    run = CliRunner().invoke(group, ["prepare", str(pictures), str(tmp_path / "c"), "--size", "16", "--limit", "3"])
    assert run.exit_code == 0, run.output
    assert "3 pictures" in run.output
    assert len(Corpus.open(tmp_path / "c")) == 3
    fake = CliRunner().invoke(group, ["prepare", str(pictures), str(tmp_path / "d"), "--label", "fake"])
    assert fake.exit_code == 0
    assert {(e.label, e.maker, e.width) for e in Corpus.open(tmp_path / "d")} == {("fake", "unknown", 64)}
    assert "12 of them enlarged" in fake.output
    wide = ["prepare", str(pictures), str(tmp_path / "w.zip"), "--size", "16x24", "--layout", "stylegan", "--dedupe"]
    assert CliRunner().invoke(group, wide).exit_code == 0
    with zipfile.ZipFile(tmp_path / "w.zip") as file:
        assert Image.open(file.open("00000/img00000000.png")).size == (24, 16)
    for bad in (["--label", "true"], ["--size", "big"], ["--layout", "tree"], ["--align-faces", "--crop", "none"]):
        assert isinstance(CliRunner().invoke(group, ["prepare", str(pictures), "x", *bad]).exception, Refusal)
