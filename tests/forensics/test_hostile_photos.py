"""Photos made to hurt: a bulk run's quick version, the whole of it, and what it once found."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detectors.provenance.statements import hidden_text
from forensics.photo import MAX_PAGES, MAX_SCANS, Photo, UnreadableImage
from forensics.srgb import STRIP
from tests.hostile import bombs, giants, mutants
from tests.hostile.fuzz import TARGETS, by_chance
from tests.hostile.light import load
from tests.hostile.mutants import Mutant
from tests.hostile.running import Seen, failure, run
from tests.hostile.seeds import coded, exif, scene, seeds
from tests.hostile.table import table

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def importable(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)  # workers receive this process's sys.path


def some() -> list[Mutant]:
    """Of every mutation a few, none that costs seconds."""
    hand_made = [
        *[Mutant(name, "giant", data) for name, data in giants.claims() if "60000" in name],
        *[Mutant(*pair) for pair in spread("polyglot", bombs.polyglots(), 9)],
        *[Mutant(*pair) for pair in spread("metadata", bombs.metadata(), 12)],
    ]
    return hand_made + list(islice(mutants.damaged(seeds(), seed=1), 77))


def spread(mutation: str, made, each: int) -> list[tuple[str, str, bytes]]:
    return [(name, mutation, data) for name, data in islice(made, 0, None, each)]


def test_some_150_end_in_a_verdict_or_a_reason(importable):
    files = some()
    assert len(files) > 140
    outcomes = [outcome for _, outcome in run(files, load)]
    assert len(outcomes) == len(files)
    assert not any(outcome.failure for outcome in outcomes), table(outcomes)
    kinds = {outcome.kind for outcome in outcomes}
    assert kinds == {"verdict", "unreadable"}
    assert {outcome.format for outcome in outcomes} >= {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"}


@pytest.mark.slow
def test_3000_with_the_whole_panel():
    command = [sys.executable, "-m", "tests.hostile", "--count", "3000"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_readers_outlive_what_is_made_for_them(target, tmp_path, monkeypatch):
    """With atheris where it is installed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "tests.hostile.fuzz", target, "--seconds", "30"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]


@pytest.mark.parametrize("target", TARGETS)
def test_readers_outlive_a_moment_of_it(target, capsys):
    by_chance(TARGETS[target], seconds=0.3)
    assert "nothing found" in capsys.readouterr().out


def test_the_same_seed_makes_the_same_files():
    first, again = (list(islice(mutants.damaged(seeds(), 5), 60)) for _ in range(2))
    assert [m.data for m in first] == [m.data for m in again]
    assert len({m.mutation for m in first}) == 7
    assert first != list(islice(mutants.damaged(seeds(), 6), 60))


def test_without_the_developers_data_the_run_says_so(tmp_path, capsys):
    assert mutants.developers_files(tmp_path) == {}
    assert "NOT examined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Seen("inconclusive", None, 1, 1, ("ZeroDivisionError",)), "ZeroDivisionError"),
        (Seen(None, None, 1, 1, ()), "neither"),
        (Seen(None, "the examination failed (KeyError: )", 1, 1, ()), "examination failed"),
        (Seen("inconclusive", None, 11, 1, ()), "11.0 s"),
        (Seen("inconclusive", None, 1, 3 * 2**30, ()), "3,072 MiB"),
    ],
)
def test_what_counts_as_a_failure(seen, why):
    assert why in failure(seen)
    assert failure(Seen(None, "the file is truncated", 1, 1, ())) is None


def test_scans_without_end_are_refused():
    """9,000 empty scans of 119 megapixels took minutes; it has 160 kB."""
    assert Photo.open(giants.many_scans(64, MAX_SCANS - 1)).width == 64
    with pytest.raises(UnreadableImage, match=f"more than {MAX_SCANS} scans"):
        Photo.open(giants.many_scans(64, MAX_SCANS))
    with pytest.raises(UnreadableImage, match=f"more than {MAX_SCANS} scans"):
        Photo.open(giants.many_scans(10_900, 9000))


def test_pages_are_counted_in_bounded_time():
    """100,000 pages took longer than 10 seconds; a circle of them was walked as it is."""
    photo = Photo.open(giants.many_pages(100_000))
    assert photo.frames == MAX_PAGES
    assert photo.notes == (f"{MAX_PAGES} or more frames: only the first is examined",)
    assert Photo.open(giants.many_pages(3, loop=True)).frames == 3
    assert Photo.open(giants.many_pages(3)).frames == 3


def test_an_animation_on_a_large_canvas_is_refused():
    """WebP's decoder holds four copies of the canvas: 2 GiB for a file of 30 kB."""
    with pytest.raises(UnreadableImage, match="an animation of 10900x10900"):
        Photo.open(giants.webp(10_900, 10_900, 3))
    assert Photo.open(giants.webp(300, 200, 3)).frames == 3


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "1", "I;16"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_strips_are_not_seen(mode, orientation):
    """Opened a strip at a time, a photo higher than a strip is what it is when converted at once."""
    side = (70, 2 * STRIP + 31)
    pixels = np.random.default_rng(0).integers(0, 256, (side[1], side[0], 4), dtype=np.uint8)
    if mode == "I;16":
        deep = pixels[..., 0].astype(np.uint16) * 200
        image, wanted = Image.fromarray(deep), (deep / 65535 * 255).round()[..., None].repeat(3, 2)
    else:
        image = Image.fromarray(pixels if mode in ("RGBA", "LA") else pixels[..., :3].copy()).convert(mode)
        white = Image.new("RGBA", image.size, "white")
        wanted = np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB"))
    photo = Photo.open(coded(image, "PNG", exif=exif(orientation)), "x")
    assert np.array_equal(photo.pixels, wanted if orientation == 1 else np.rot90(wanted, -1))
    luma = photo.pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    assert np.array_equal(photo.luminance, luma)


def test_hidden_text_is_found_without_the_whole_alpha():
    """It stands in the first columns; only those are taken from a large picture."""
    said = b"hidden"
    bits = np.unpackbits(np.frombuffer(b"stealth_pnginfo" + (8 * len(said)).to_bytes(4, "big") + said, np.uint8))
    image = np.asarray(scene(900, 700).convert("RGBA")).copy()
    alpha = np.full(image.shape[1::-1], 254, np.uint8)
    alpha.reshape(-1)[: len(bits)] += bits
    image[..., 3] = alpha.T
    (found,) = hidden_text(Photo.open(coded(Image.fromarray(image), "PNG"), "x"))
    assert found.value == "hidden"
