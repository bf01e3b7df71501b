"""Points by name: seeds, our files and NVIDIA's of saved w; what is neither is one line, and nothing is unpickled."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators import snapshots
from generators.latent.points import Point, points_of, save

W = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))


def refused(path) -> str:
    with pytest.raises(Refusal) as refusal:
        points_of([str(path)])
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    return str(refusal.value)


def test_seeds_are_named_as_forge_names_them():
    points = points_of(["0-2,9", "7"])
    assert [(p.name, p.seed, p.w) for p in points] == [(f"seed {n}", n, None) for n in (0, 1, 2, 9, 7)]
    assert Point.of("12").seed == 12


@given(st.lists(st.integers(0, 10**18 - 1), min_size=1, max_size=60, unique=True))
def test_lists_of_seeds_may_be_longer_than_any_file_name(seeds):
    assert [p.seed for p in points_of([",".join(map(str, seeds))])] == seeds


@pytest.mark.parametrize("word", ["", "a", "1.5", "-1", "3-1", "1,,2", "9" * 19, "x" * 400, "1-" + "0" * 300, "1 x"])
def test_words_that_are_no_seeds_and_no_file_are_refused(word):
    with pytest.raises(Refusal) as refusal:
        points_of([word])
    assert "seed" in str(refusal.value)


def test_too_many_points_and_none_are_refused():
    assert len(points_of(["0-999"])) == 1000
    for words in ([], ["0-1000"], ["0-999", "5000"]):
        with pytest.raises(Refusal, match="points: give 1 to 1,000, as seeds"):
            points_of(words)
    with pytest.raises(Refusal, match="0-1: 2 points; name one seed or one file"):
        Point.of("0-1")


def test_a_saved_w_comes_back_bit_for_bit_with_what_is_told(tmp_path):
    path = tmp_path / "deep" / "face.safetensors"
    save(W, path, {"weights": "ab", "distance": 0.1}, {"b4.conv1.noise_const": torch.ones(4, 4)})
    point = Point.of(path)
    assert (point.name, point.seed) == ("face", None)
    assert torch.equal(point.w, W)
    assert point.told == {"weights": "ab", "distance": 0.1}
    assert torch.equal(snapshots.read(path)[0]["noise.b4.conv1.noise_const"], torch.ones(4, 4))


def test_a_file_may_be_named_like_a_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(W, tmp_path / "12", {})
    assert torch.equal(Point.of("12").w, W)
    assert Point.of("13").seed == 13


@pytest.mark.parametrize("shape", [(1, 6, 8), (6, 8), (1, 1, 8)])
@pytest.mark.parametrize("type_", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("kept", [np.savez, np.savez_compressed])
def test_the_w_of_nvidias_projectors_are_read(tmp_path, shape, type_, kept):
    w = W.numpy().flatten()[: np.prod(shape)].reshape(shape).astype(type_)
    kept(tmp_path / "projected_w.npz", w=w)
    point = Point.of(tmp_path / "projected_w.npz")
    assert point.w.dtype == torch.float32
    assert np.array_equal(point.w.numpy(), w.reshape(shape[-2:]).astype(np.float32))
    assert point.name == "projected_w"


@pytest.mark.parametrize("shape", [(8,), (2, 6, 8), (1, 1, 6, 8), ()])
def test_arrays_of_other_shapes_are_refused(tmp_path, shape):
    np.savez(tmp_path / "w.npz", w=np.zeros(shape, np.float32))
    assert f"its w is {shape}; one row for each layer is needed" in refused(tmp_path / "w.npz")
    tensor = torch.zeros(shape)
    snapshots.save_at_once({"w": tensor}, tmp_path / "w.safetensors", {})
    assert "holds no w of rows and numbers" in refused(tmp_path / "w.safetensors")


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    for number in (np.nan, np.inf):
        np.savez(tmp_path / "w.npz", w=np.full((1, 6, 8), number))
        assert "of finite numbers" in refused(tmp_path / "w.npz")
        snapshots.save_at_once({"w": torch.full((6, 8), number)}, tmp_path / "w.safetensors", {})
        assert "not finite" in refused(tmp_path / "w.safetensors")


WENT_OFF: list[str] = []


def go_off() -> None:
    WENT_OFF.append("boom")


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self):
        return go_off, ()


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "objects.npz", w=np.array([Bomb()], dtype=object))
    (tmp_path / "pickle.npz").write_bytes(pickle.dumps(Bomb()))
    np.save(tmp_path / "array.npy", np.array([Bomb()], dtype=object))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps(Bomb()))
    for path in list(tmp_path.iterdir()):
        refused(path)
    assert WENT_OFF == []
    with np.load(tmp_path / "objects.npz", allow_pickle=True) as arrays:
        _ = arrays["w"]  # it would have
    assert WENT_OFF == ["boom"]


def npz(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries.items():
            file.writestr(f"{name}.npy", data)
    return buffer.getvalue()


def header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (len(text) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def test_bombs_are_refused_before_they_are_unpacked(tmp_path):
    path = tmp_path / "w.npz"
    path.write_bytes(npz(w=header("(1, 12000000)") + bytes(48_000_000)))
    assert path.stat().st_size < 100_000
    assert "too large" in refused(path)
    path.write_bytes(npz(w=header("(6, 8)") + bytes(192), other=bytes(48_000_000)))
    assert "too large" in refused(path)
    for shape in ("(1000000, 100000000)", "(10**30,)", f"({10**30}, 8)", "(-1, 8)", "('a',)"):
        path.write_bytes(npz(w=header(shape) + bytes(192)))
        refused(path)


def test_broken_files_are_refused(tmp_path):
    whole, path = io.BytesIO(), tmp_path / "w.npz"
    np.savez_compressed(whole, w=W.numpy()[None])
    good = whole.getvalue()
    start = good.index(b"w.npy") + 5
    damaged = [good[:size] for size in (0, 1, 30, len(good) // 2, len(good) - 1)]
    damaged += [good[:at] + bytes([good[at] ^ 255]) + good[at + 1 :] for at in range(start + 20, start + 60, 3)]
    damaged.append(good.replace(struct.pack("<HH", 8, 0), struct.pack("<HH", 99, 0)))  # a method nobody has
    damaged += [b"\x93NUMPY", npz(x=header("(6, 8)") + bytes(192)), npz(), npz(w=b"")]
    plain = io.BytesIO()
    np.save(plain, W.numpy())
    damaged.append(plain.getvalue())
    for data in damaged:
        path.write_bytes(data)
        assert "holds no array named w" in refused(path)


def test_other_files_are_refused(tmp_path):
    save(W, tmp_path / "w.safetensors", {})
    good = (tmp_path / "w.safetensors").read_bytes()
    for data in (b"", b"text", good[:-5], good[:12]):
        (tmp_path / "broken.safetensors").write_bytes(data)
        assert "cannot be read as safetensors" in refused(tmp_path / "broken.safetensors")
    snapshots.save_at_once({"v": W}, tmp_path / "v.safetensors", {})
    assert "holds no w" in refused(tmp_path / "v.safetensors")
    snapshots.save_at_once({"w": W.int()}, tmp_path / "int.safetensors", {})
    assert "holds no w" in refused(tmp_path / "int.safetensors")
    for missing in (tmp_path, tmp_path / "none.npz"):
        assert "no such file, and no seed" in refused(missing)
