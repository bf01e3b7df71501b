"""Data sets of others are read as they lie; a hostile tar writes nothing, anywhere."""

from __future__ import annotations

import io
import json
import os
import random
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics import webdataset
from forensics.corpus import SPLITS, Corpus, Entry
from forensics.layouts import PAIRS, datasets
from forensics.photo import Photo
from forensics.refusal import Refusal

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pictures(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or ("1.png", "2.png"):
        Image.new("RGB", (4, 4), (len(name) * 9 % 256, 0, 0)).save(folder / name)


def told(corpus: Corpus) -> set[tuple[str, str, str]]:
    return {(entry.maker, entry.domain, entry.kind) for entry in corpus}


@pytest.mark.parametrize("pair", [*PAIRS, ("Real", "FAKE")])
def test_a_pair_of_folders(tmp_path, pair):
    for side in pair:
        pictures(tmp_path / "biggan" / side)
    pictures(tmp_path / "biggan" / "notes", "x.png")  # of no class
    real, fake = datasets(tmp_path / "biggan")
    assert [e.path for e in real] == [f"{pair[0]}/1.png", f"{pair[0]}/2.png"]
    assert (told(real), told(fake)) == ({("camera", "biggan", "")}, {("biggan", "biggan", "")})
    assert all(corpus.path(e).is_file() for corpus in (real, fake) for e in corpus)
    assert {e.label for e in real} | {e.label for e in fake} == {"real", "fake"}
    assert not list(tmp_path.rglob("*.csv"))  # nothing is written into it


def test_class_folders(tmp_path):
    """CNNDetection: makers that have classes, and makers that have none."""
    for place in ("progan/airplane", "progan/bird", "stargan"):
        for side in PAIRS[0]:
            pictures(tmp_path / place / side)
    _, fake = datasets(tmp_path)
    assert told(fake) == {("progan", "progan", "airplane"), ("progan", "progan", "bird"), ("stargan", "stargan", "")}
    assert {e.maker for e in datasets(tmp_path / "progan")[1]} == {"airplane", "bird"}
    real, fake = datasets(tmp_path / "progan", name="progan")
    assert told(fake) == {("progan", "progan", "airplane"), ("progan", "progan", "bird")}
    assert {e.maker for e in real} == {"camera"}


def test_parts_that_are_held_out_are_the_test_split(tmp_path):
    many = [f"{i}.png" for i in range(40)]
    for part in ("train", "val"):
        for side in PAIRS[2]:
            pictures(tmp_path / "midjourney" / part / side, *many)
    for root in (tmp_path, tmp_path / "midjourney"):
        real, fake = datasets(root)
        assert {e.maker for e in fake} == {"midjourney"}
        splits = {part: {e.split for e in (*real, *fake) if part in Path(e.path).parts} for part in ("train", "val")}
        assert splits == {"train": {"train", "calibration"}, "val": {"test"}}
    real, fake = datasets(tmp_path / "midjourney" / "train")  # nothing else is at hand
    assert {e.maker for e in fake} == {"midjourney"}
    assert {e.split for e in fake} == set(SPLITS)


def test_a_photo_and_its_fake_copy_share_a_split(tmp_path):
    names = [f"{i}.png" for i in range(30)]
    for side in PAIRS[1]:
        pictures(tmp_path / side, *names)
    real, fake = datasets(tmp_path)
    assert [(e.group, e.split) for e in real] == [(e.group, e.split) for e in fake]
    assert len({e.group for e in real}) == 30


def test_a_corpus_of_ours_with_both_labels(tmp_path):
    entries = (
        Entry("a.png", "real", "camera", domain="web"),
        Entry("b.png", "fake", "dcgan"),
        Entry("c.png", "fake", "x"),
    )
    Corpus(tmp_path / "set", entries).save()
    real, fake = datasets(tmp_path / "set")
    assert (told(real), told(fake)) == ({("camera", "web", "")}, {("dcgan", "set", ""), ("x", "set", "")})


def test_links_are_followed_and_circles_end(tmp_path):
    for side in PAIRS[1]:
        pictures(tmp_path / "elsewhere" / side)
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / side).symlink_to(tmp_path / "elsewhere" / side)
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set")
    assert [len(part) for part in datasets(tmp_path / "set")] == [2, 2]


@pytest.mark.parametrize(
    ("folders", "why"),
    [
        (
            ("photos",),
            "no data set with labels; expected are folders 0_real and 1_fake, real and fake, or nature and ai",
        ),
        (("real",), "holds real but no fake"),
        (("airplane/1_fake",), "airplane: holds 1_fake but no 0_real"),
        (("a/b/c/d/e/f/real", "a/b/c/d/e/f/fake"), "no data set with labels"),
    ],
)
def test_other_folders_are_refused(tmp_path, folders, why):
    for folder in folders:
        pictures(tmp_path / folder)
    with pytest.raises(Refusal, match=why) as refusal:
        datasets(tmp_path)
    assert len(str(refusal.value).splitlines()) == 1


def test_empty_classes_are_refused(tmp_path):
    pictures(tmp_path / "real")
    (tmp_path / "fake").mkdir()
    with pytest.raises(Refusal, match="fake: no pictures"):
        datasets(tmp_path)
    with pytest.raises(Refusal, match=r"no such folder or \.tar"):
        datasets(tmp_path / "none")
    Corpus(tmp_path / "set", (Entry("a.png", "real", "camera"),)).save()
    with pytest.raises(Refusal, match="1 real and 0 fake"):
        datasets(tmp_path / "set")


def png(level: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (5, 3), (level % 256, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def tar_of(path: Path, *files: tuple[str, bytes] | tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as tar:
        for file in files:
            info = file if isinstance(file, tarfile.TarInfo) else tarfile.TarInfo(file[0])
            data = b"" if isinstance(file, tarfile.TarInfo) else file[1]
            info.size = info.size or len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


PAIR = ("a.png", png(1)), ("a.cls", b"0"), ("b.png", png(2)), ("b.cls", b"1\n")


def test_a_webdataset(tmp_path):
    tar = tar_of(
        tmp_path / "mix.tar",
        *PAIR,
        ("deep/c.cls", b"fake"),  # before its picture
        ("deep/c.JPG", png(3)),
        ("deep/c.txt", b"a caption"),
        ("d.png", png(4)),
        ("d.json", json.dumps({"label": 1, "maker": "sd3"}).encode()),
        ("e.png", png(5)),
        ("e.json", json.dumps({"label": "Real", "maker": "sd3"}).encode()),
        ("e.cls", b"0"),
        ("unused.npy", b"12"),
        ("lonely.cls", b"0"),
        ("nothing", b""),
    )
    real, fake = datasets(tar, tmp_path / "cache")
    assert [(e.group, e.maker, e.domain) for e in real] == [("a", "camera", "mix"), ("e", "camera", "mix")]
    assert [(e.group, e.maker) for e in fake] == [("b", "mix"), ("deep/c", "mix"), ("d", "sd3")]
    assert [int(Photo.open(fake.path(e)).pixels[0, 0, 0]) for e in fake] == [2, 3, 4]
    assert {e.maker for e in datasets(tar, tmp_path / "cache", "gen")[1]} == {"gen"}
    (folder,) = (tmp_path / "cache").iterdir()
    assert Counter(path.suffix for path in folder.rglob("*.*")) == {".png": 4, ".jpg": 1, ".csv": 1}
    with pytest.raises(Refusal, match="say where to"):
        datasets(tar)


def test_a_tar_is_unpacked_once_and_again_when_it_changes(tmp_path, monkeypatch):
    tar = tar_of(tmp_path / "mix.tar", *PAIR)
    first = datasets(tar, tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(webdataset, "unpack", lambda *_: pytest.fail("unpacked twice"))
        assert datasets(tar, tmp_path / "cache") == first
    tar_of(tar, *PAIR, ("c.png", png(3)), ("c.cls", b"1"))
    assert len(datasets(tar, tmp_path / "cache")[1]) == 2


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0, **pax: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.pax_headers = kind, link, size, pax
    return info


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ([("../out.png", png())], "leads out of the tar"),
        ([("a/../../out.png", png())], "leads out of the tar"),
        ([("a\\..\\out.png", png())], "leads out of the tar"),
        ([("/tmp/out.png", png())], "leads out of the tar"),
        ([("C:/out.png", png())], "leads out of the tar"),
        ([("a\nb.png", png())], "printable"),
        ([("a" * 1001 + ".png", png())], "printable"),
        ([(os.fsdecode(b"\xff.png"), png())], "printable"),
        ([member("a.png", tarfile.SYMTYPE, "/etc/passwd")], "a link, a device"),
        ([member("a.png", tarfile.LNKTYPE, "b.png")], "a link, a device"),
        ([member("a.png", tarfile.FIFOTYPE)], "a link, a device"),
        ([member("a.png", tarfile.CHRTYPE)], "a link, a device"),
        ([member("../up", tarfile.DIRTYPE)], "leads out of the tar"),
        ([("c.cls", b"0" * 70_000)], "70,000 bytes; at most 65,536"),
        ([("c.png", png())], "c has no clear label; expected c.cls"),
        ([("c.png", png()), ("c.cls", b"7")], "no clear label"),
        ([("c.png", png()), ("c.cls", b"\xff")], "no clear label"),
        ([("c.png", png()), ("c.json", b"[1]")], "no clear label"),
        ([("c.png", png()), ("c.json", b'{"label": true}')], "no clear label"),
        ([("c.png", png()), ("c.json", b'{"label": [1]}')], "no clear label"),
        ([("c.png", png()), ("c.json", b"[" * 60_000)], "no clear label"),
        ([("c.png", png()), ("c.cls", b"1"), ("c.json", b'{"label": 0}')], "no clear label"),
        ([("a.jpg", png())], "two pictures under a"),
    ],
)
def test_hostile_tars_are_refused_and_leave_nothing(tmp_path, files, why):
    tar = tar_of(tmp_path / "hostile.tar", *PAIR, *files)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refusal, match=why) as refusal:
        datasets(tar, tmp_path / "cache")
    assert len(str(refusal.value).splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "cache"])


def test_holes_and_large_files_are_refused(tmp_path, monkeypatch):
    sparse = member("s.png", **{"GNU.sparse.major": "0", "GNU.sparse.map": "0,1", "GNU.sparse.size": "99999999999"})
    with pytest.raises(Refusal, match="a sparse file"):
        datasets(tar_of(tmp_path / "a.tar", *PAIR, sparse), tmp_path / "cache")
    monkeypatch.setattr(webdataset, "MAX_BYTES", 60)
    with pytest.raises(Refusal, match="at most 60 are unpacked"):
        datasets(tar_of(tmp_path / "b.tar", *PAIR), tmp_path / "cache")
    monkeypatch.setattr(webdataset, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(webdataset, "MAX_MEMBERS", 3)
    with pytest.raises(Refusal, match="over 3 files"):
        datasets(tar_of(tmp_path / "c.tar", *PAIR), tmp_path / "cache")


def test_other_files_are_no_tar(tmp_path):
    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("a.png"))
    (tmp_path / "text.tar").write_bytes(b"hello" * 300)
    (tmp_path / "empty.tar").write_bytes(b"")
    for name in ("packed.tar.gz", "text.tar"):
        with pytest.raises(Refusal, match="no plain tar"):
            datasets(tmp_path / name, tmp_path / "cache")
    with pytest.raises(Refusal, match=r"no plain tar|no pictures"):
        datasets(tmp_path / "empty.tar", tmp_path / "cache")
    with pytest.raises(Refusal, match="no pictures; expected a WebDataset"):
        datasets(tar_of(tmp_path / "none.tar", ("a.txt", b"x")), tmp_path / "cache")
    with pytest.raises(Refusal, match="cannot be unpacked into"):
        datasets(tar_of(tmp_path / "good.tar", *PAIR), tmp_path / "text.tar")


@pytest.mark.parametrize("cut", [600, 1100, 1600, 2100])
def test_a_tar_that_ends_too_early_is_refused(tmp_path, cut):
    tar = tar_of(tmp_path / "cut.tar", *PAIR)
    tar.write_bytes(tar.read_bytes()[:cut])
    with pytest.raises(Refusal):
        datasets(tar, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@few
@given(st.integers(0, 2**32))
def test_a_damaged_tar_is_read_or_refused(tmp_path, seed):
    """Whatever bytes are changed: a Refusal or two corpora inside the cache, and no file elsewhere."""
    luck = random.Random(seed)
    data = bytearray(tar_of(tmp_path / "damaged.tar", *PAIR).read_bytes())
    for _ in range(luck.randint(1, 6)):
        data[luck.choice((luck.randrange(len(data)), luck.randrange(512)))] = luck.randrange(256)
    if luck.random() < 0.5:  # headers that pass their check sum
        for start in range(0, 4096, 512):
            header = data[start : start + 512]
            if header[257:262] == b"ustar":
                header[148:156] = b" " * 8
                data[start + 148 : start + 156] = b"%06o\0 " % sum(header)
    (tmp_path / "damaged.tar").write_bytes(data)
    cache = tmp_path / "cache" / str(seed)
    try:
        for part in datasets(tmp_path / "damaged.tar", cache):
            assert all(part.path(entry).resolve().is_relative_to(cache.resolve()) for entry in part)
    except Refusal as refusal:
        assert len(str(refusal).splitlines()) == 1
        assert not any(path.suffix == ".part" for path in cache.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"damaged.tar", "cache"}
