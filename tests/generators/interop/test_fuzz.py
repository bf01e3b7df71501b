"""Sound files with bytes changed, cut out and put in: each loads or is refused in one line, nothing else."""

from __future__ import annotations

import io
import resource
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from forensics.refusal import Refusal
from generators.interop import named, rosinality
from generators.interop.networks import Painter
from generators.interop.options import GeneratorOptions
from generators.interop.reading import read
from generators.trained import load
from tests.generators.interop.layouts import nvidia_generator, seeded, tf_network, tf_pickle
from tests.generators.interop.tf_reference import ProGAN, StyleGAN

TINY = GeneratorOptions(latent=2, labels=0, w=2, resolution=8, channels=1, base=8, most=2, mapping_layers=1)
KINDS = ("nvidia-2", "nvidia-4", "progan", "stylegan", "rosinality", "rosinality-legacy", "named")
MUCH = 400 * 2**20  # bytes of memory that no small file may take beyond what was taken before


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    painter = Painter(TINY, seeded(TINY).state_dict())
    rosinality.write({"G_ema": painter}, {"classes": []}, "a test", folder / "a.pt")
    named.write(painter, "G_ema", {}, folder / "a.safetensors")
    legacy = io.BytesIO()
    content = torch.load(folder / "a.pt", weights_only=True)
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    p, s = ProGAN(resolution=8, latent=2, widths=(2, 2)), StyleGAN(resolution=8, latent=2, widths=(2, 2))
    old = tf_network(2, p.v, {"resolution": 8}, {})
    parts = {"mapping": tf_network(3, s.mapping, {}, {}), "synthesis": tf_network(3, s.synthesis, {}, {})}
    newer = tf_network(3, s.main, {"resolution": 8, "blur_filter": [1, 2, 1]}, parts)
    return {
        "nvidia-2": nvidia_generator(TINY, protocol=2)[0],
        "nvidia-4": nvidia_generator(TINY, protocol=4)[0],
        "progan": tf_pickle((old, None, old), "tfutil", 2),
        "stylegan": tf_pickle((newer, None, newer)),
        "rosinality": (folder / "a.pt").read_bytes(),
        "rosinality-legacy": legacy.getvalue(),
        "named": (folder / "a.safetensors").read_bytes(),
    }


def suffix(kind: str) -> str:
    return ".safetensors" if kind == "named" else ".pt" if kind.startswith("rosinality") else ".pkl"


@pytest.mark.parametrize("kind", KINDS)
def test_unchanged_they_load(sound, tmp_path, kind):
    path = tmp_path / f"sound{suffix(kind)}"
    path.write_bytes(sound[kind])
    assert load(path).picture(0).shape[2] in (1, 3)


Edit = st.tuples(
    st.sampled_from(("set", "flip", "cut", "copy", "put", "number")),
    st.floats(0, 1, exclude_max=True),  # where, as a share of the file
    st.integers(0, 255),
    st.binary(min_size=1, max_size=12),
)


def edited(data: bytes, edits: list) -> bytes:
    file = bytearray(data)
    for kind, share, byte, some in edits:
        at = int(share * len(file))
        if kind == "set" and file:
            file[at] = byte
        elif kind == "flip" and file:
            file[at] ^= 1 << byte % 8
        elif kind == "cut":
            del file[at : at + byte]
        elif kind == "copy":
            file[at:at] = file[at : at + 4 * byte]
        elif kind == "put":
            file[at:at] = some
        elif kind == "number":  # a length, an index, a size
            file[at : at + 4] = (b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0")[byte % 3]
    return bytes(file)


def holds(path: Path, data: bytes) -> None:
    """Loads, or is refused in one line; soon, and without much memory."""
    path.write_bytes(data)
    start, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        checkpoint = read(path) if path.suffix != ".safetensors" else None
        for name in checkpoint.makers if checkpoint else ():
            checkpoint.network(name)
        load(path)
    except Refusal as refusal:
        assert len(str(refusal).splitlines()) == 1
    assert time.process_time() - start < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before * 1024 < MUCH


QUICK = settings(
    max_examples=25,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(edits=st.lists(Edit, min_size=1, max_size=4))
def test_changed_they_load_or_are_refused(sound, tmp_path_factory, kind, edits):
    holds(tmp_path_factory.getbasetemp() / f"changed{suffix(kind)}", edited(sound[kind], edits))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(QUICK, max_examples=2000)
@given(edits=st.lists(Edit, min_size=1, max_size=6))
def test_changed_thousands_of_times(sound, tmp_path_factory, kind, edits):
    holds(tmp_path_factory.getbasetemp() / f"changed{suffix(kind)}", edited(sound[kind], edits))


@settings(QUICK, max_examples=150)
@given(data=st.binary(max_size=200))
def test_anything_after_a_pickles_first_bytes(tmp_path_factory, data):
    holds(tmp_path_factory.getbasetemp() / "anything.pkl", b"\x80\x04" + data)
