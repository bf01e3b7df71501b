"""Films: what is decoded again is what was shot, and says that it was generated; a failed one leaves nothing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from forensics.refusal import Refusal
from generators.latent.film import SUFFIXES, Film, enlarged, even, is_film, shoot

SOFTWARE = "deepfake-forensics 0 tiny 0123456789ab"


def blotches(count: int, high: int = 32, wide: int = 32, channels: int = 3) -> list[np.ndarray]:
    """Soft pictures, each of another colour: what every codec keeps."""
    rng, ramp = np.random.default_rng(0), np.linspace(0, 60, wide)[None, :, None]
    return [(rng.integers(20, 190, channels) + ramp + np.zeros((high, 1, 1))).astype(np.uint8) for _ in range(count)]


def decoded(path: Path) -> list[np.ndarray]:
    if path.suffix == ".gif":
        with Image.open(path) as film:
            return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("high", "wide", "channels"), [(32, 32, 3), (17, 23, 3), (24, 18, 1), (32, 32, 2), (32, 20, 4)]
)
def test_what_is_decoded_is_what_was_shot(tmp_path, suffix, high, wide, channels):
    frames, out = blotches(4, high, wide, channels), tmp_path / f"film{suffix}"
    assert shoot(iter(frames), out, SOFTWARE, Film(scale=3)) == 4
    seen = decoded(out)
    assert len(seen) == 4
    for frame, shot in zip(seen, frames, strict=True):
        colours = shot[..., :1].repeat(3, 2) if channels < 3 else shot[..., :3]
        large = colours.repeat(3, 0).repeat(3, 1)
        expected = large if suffix == ".gif" else even(large)
        assert frame.shape == expected.shape
        assert np.abs(frame.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_small_pictures_become_large_enough_to_be_seen(tmp_path, suffix):
    out = tmp_path / f"film{suffix}"
    shoot(blotches(2, 16, 12), out, SOFTWARE)
    assert decoded(out)[0].shape == (256, 192, 3)
    shoot(blotches(2, 300, 200), out, SOFTWARE)
    assert decoded(out)[0].shape == (300, 200, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("fps", [0.1, 24.0, 29.97, 120.0])
def test_films_keep_their_pace(tmp_path, suffix, fps):
    out = tmp_path / f"film{suffix}"
    shoot(blotches(5), out, SOFTWARE, Film(fps=fps, scale=1))
    with av.open(str(out)) as film:
        times = [frame.time for frame in film.decode(video=0)]
        assert film.streams.video[0].codec_context.name == {".mp4": "h264", ".webm": "vp9"}[suffix]
    assert np.allclose(np.diff(times), 1 / fps, atol=0.002)


@pytest.mark.parametrize(("fps", "delay"), [(0.1, 10_000), (10.0, 100), (30.0, 30), (120.0, 20)])
def test_gifs_keep_their_pace_in_hundredths_and_repeat(tmp_path, fps, delay):
    out = tmp_path / "film.gif"
    shoot(blotches(3), out, SOFTWARE, Film(fps=fps, scale=1))
    with Image.open(out) as film:
        assert [frame.info["duration"] for frame in ImageSequence.Iterator(film)] == [delay] * 3
        assert film.info["loop"] == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_says_that_it_was_generated_and_by_what(tmp_path, suffix):
    out = tmp_path / f"film{suffix}"
    shoot(blotches(2), out, SOFTWARE, Film(scale=1))
    if suffix == ".gif":
        with Image.open(out) as film:
            comment = film.info["comment"].decode()
    else:
        with av.open(str(out)) as film:
            comment = {key.lower(): value for key, value in film.metadata.items()}["comment"]
    assert "/digitalsourcetype/trainedAlgorithmicMedia" in comment
    assert SOFTWARE in comment


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("end", [KeyboardInterrupt, Refusal("no such direction")])
def test_a_failed_shooting_leaves_what_was_there_and_no_part(tmp_path, suffix, end):
    def frames():
        yield from blotches(80)  # encoders look ahead: by now a part has been written
        raise end

    out = tmp_path / f"film{suffix}"
    for before in ({}, {out.name: b"an earlier film"}):
        for name, data in before.items():
            (tmp_path / name).write_bytes(data)
        with pytest.raises((KeyboardInterrupt, Refusal)):
            shoot(frames(), out, SOFTWARE, Film(scale=1))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_film_of_nothing_is_refused(tmp_path, suffix):
    with pytest.raises(Refusal, match="there are no frames"):
        shoot([], tmp_path / f"film{suffix}", SOFTWARE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_the_smallest_and_oddest_pictures_can_be_shot(tmp_path, suffix):
    for high, wide in ((1, 1), (3, 2), (2, 131)):
        out = tmp_path / f"{high}{suffix}"
        shoot(blotches(2, high, wide), out, SOFTWARE, Film(scale=1))
        assert decoded(out)[0].shape == (high + high % 2, wide + wide % 2, 3)


def test_frames_that_no_player_takes_are_refused(tmp_path):
    with pytest.raises(Refusal, match=r"frames would be 8,320 px; .* at most 8,192"):
        shoot(blotches(1, 8, 130), tmp_path / "film.mp4", SOFTWARE, Film(scale=64))
    assert not list(tmp_path.iterdir())


def test_what_is_no_film_is_refused(tmp_path):
    with pytest.raises(Refusal, match=r"walk\.avi: films are \.mp4, \.webm, \.gif"):
        shoot(blotches(1), tmp_path / "walk.avi", SOFTWARE)
    assert not list(tmp_path.iterdir())
    assert is_film(Path("A.MP4"))
    assert not is_film(Path("a.png"))
    for wrong in ({"fps": 0}, {"fps": -1}, {"fps": 1e-9}, {"fps": 121}, {"fps": float("nan")}, {"fps": float("inf")}):
        with pytest.raises(Refusal, match="frames a second"):
            Film(**wrong)
    for scale in (0, -1, 65):
        with pytest.raises(Refusal, match="scale"):
            Film(scale=scale)


def test_pixels_are_repeated_not_blurred(rng):
    picture = rng.integers(0, 256, (5, 4, 3), np.uint8)
    assert np.array_equal(enlarged(picture, 3)[1::3, 1::3], picture)
    assert enlarged(picture, 3).shape == (15, 12, 3)
    assert enlarged(picture, least=11).shape == (15, 12, 3)
    assert np.array_equal(enlarged(picture, least=5), picture)
    odd = even(picture)
    assert odd.shape == (6, 4, 3)
    assert np.array_equal(odd[5], picture[4])
