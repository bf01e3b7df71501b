"""Files made to do harm: refused in one line that names what they ask for, quickly and without much memory."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from forensics.refusal import Refusal
from generators.interop import archives, pickles, reading
from generators.interop.options import GeneratorOptions
from generators.trained import load
from tests.generators.interop.layouts import nvidia_generator, seeded
from tests.generators.interop.opcodes import (
    ADDITEMS,
    APPENDS,
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
    MARK,
    MEMOIZE,
    NEWOBJ,
    NONE,
    PROTO,
    REDUCE,
    SETITEM,
    STOP,
    TUPLE,
    TUPLE1,
    TUPLE2,
    binary,
    called,
    file,
    named,
    record,
    text,
    whole,
)

TINY = GeneratorOptions(latent=2, labels=0, w=2, resolution=8, channels=1, base=8, most=2, mapping_layers=1)
HARM = Path(tempfile.gettempdir()) / f"harm-{os.getpid()}"  # what hostile files here would leave
SYSTEM = called(named("os", "system"), text(f"touch {HARM}"))
TOUCH = text(f"open({str(HARM)!r}, 'w')")
LOADED = named("torch.storage", "_load_from_bytes")
ARRAY = named("numpy.core.multiarray", "_reconstruct")
MODULE = named("torch_utils.persistence", "_reconstruct_persistent_obj")
DTYPE = called(named("numpy", "dtype"), text("f4"), b"\x89", b"\x88") + MARK + whole(3) + text("<") + TUPLE + BUILD


@pytest.fixture(autouse=True)
def nothing_is_run():
    yield
    assert not HARM.exists()


def refusal(tmp_path, data: bytes, name: str = "hostile.pkl", traced: bool = False) -> str:
    """What is said of a file, wherever it is found out, in a few seconds. `traced`, slowly: without much memory."""
    path = tmp_path / name
    path.write_bytes(data)
    start = time.process_time()
    if traced:
        tracemalloc.start()
    try:
        with pytest.raises(Refusal) as refused:
            load(path)
        peak = tracemalloc.get_traced_memory()[1] if traced else 0
    finally:
        tracemalloc.stop()
    said = str(refused.value)
    assert len(said.splitlines()) == 1
    assert len(said) < 600
    assert time.process_time() - start < 20  # once, torch looks for its meta device
    assert peak < 20e6 + 8 * len(data)
    return said


def as_weight(value: bytes) -> bytes:
    """Where a reader looks: a generator, with a tensor made of this."""
    return record("G_ema", value)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (SYSTEM, "os.system"),
        (called(named("posix", "system"), text("id")), "posix.system"),
        (called(named("builtins", "eval"), TOUCH), "builtins.eval"),
        (called(named("__builtin__", "exec"), TOUCH), "__builtin__.exec"),
        (named("builtins", "getattr"), "builtins.getattr"),
        (named("builtins", "bytearray"), "builtins.bytearray"),
        (called(named("subprocess", "Popen"), text("id")), "subprocess.Popen"),
        (named("torch", "load"), "torch.load"),
        (named("torch.hub", "load"), "torch.hub.load"),
        (named("numpy", "load"), "numpy.load"),
        (named("torch_utils.persistence", "_src_to_module"), "torch_utils.persistence._src_to_module"),
        (named("torch_utils.persistence", "_reconstruct_persistent_obj.__globals__"), "__globals__"),
        (named("collections", "OrderedDict.__class__"), "collections.OrderedDict.__class__"),
        (b"\x8c\x02os\x8c\x06system\x93", "os.system"),  # STACK_GLOBAL
        (text("os") + text("system\n\x1b[31m") + b"\x93", "os.system"),
        (b"(" + text("id") + b"ios\nsystem\n", "os.system"),  # INST
        (named("os", "system") + MARK + b"o", "os.system"),  # OBJ
        (b"\x82\x01", "EXT1"),
        (text("x") + b"Q", "BINPERSID"),
        (b"Px\n", "PERSID"),
        (b"\x97", "NEXT_BUFFER"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
@pytest.mark.parametrize("place", ["alone", "among weights", "in a key", "as a class"])
def test_what_it_asks_for_is_named(tmp_path, asked, told, place):
    data = {
        "alone": file(asked),
        "among weights": file(as_weight(asked)),
        "in a key": file(EMPTY_DICT, asked, NONE, SETITEM),
        "as a class": file(asked, EMPTY_TUPLE, NEWOBJ, EMPTY_DICT, BUILD),
    }[place]
    said = refusal(tmp_path, data)
    assert told in said
    if "." in told:
        assert "it was not run" in said


def legacy(*pickled: bytes, rest: bytes = b"") -> bytes:
    """An archive from before torch 1.6: magic, protocol, machine, content, keys, then bytes."""
    buffer = io.BytesIO()
    torch.save(torch.zeros(1).untyped_storage(), buffer, _use_new_zipfile_serialization=False)
    magic = buffer.getvalue()[:14] + STOP
    return magic + file(b"M\xe9\x03") + file(EMPTY_DICT) + b"".join(pickled) + rest


def storage(numbers: bytes, kind: str = "FloatStorage") -> bytes:
    parts = text("storage"), named("torch", kind), text("0"), text("cpu"), numbers
    return MARK + b"".join(parts) + TUPLE + b"Q"


KEYS = file(EMPTY_LIST, MARK, text("0"), APPENDS)


@pytest.mark.parametrize("content", [SYSTEM, called(named("builtins", "eval"), TOUCH)], ids=["system", "eval"])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_payload_inside_a_storage_is_found(tmp_path, content, depth):
    told = "os.system" if content is SYSTEM else "builtins.eval"
    for inner in (legacy(file(content), KEYS), legacy(file(storage(whole(1))), file(content)), file(content)):
        data = inner
        for _ in range(depth - 1):
            data = legacy(file(called(LOADED, binary(data))), KEYS)
        said = refusal(tmp_path, file(as_weight(called(LOADED, binary(data)))))
        assert told in said or "no archive of torch.save" in said or "_load_from_bytes" in said
    archive = zipped({"archive/data.pkl": file(content), "archive/data/0": b"\0" * 4})
    assert told in refusal(tmp_path, file(as_weight(called(LOADED, binary(archive)))))
    assert told in refusal(tmp_path, archive, "hostile.pt")
    assert told in refusal(tmp_path, legacy(file(content), KEYS), "hostile.pt")


def zipped(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_zip_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MOST_ENTRIES", 100)
    buffer = io.BytesIO()
    torch.save({"g_ema": {"a": torch.zeros(3)}}, buffer)
    sound = {i.filename: zipfile.ZipFile(buffer).read(i) for i in zipfile.ZipFile(buffer).infolist()}
    bomb = sound | {"archive/data/0": bytes(5_000_000)}
    assert "is compressed" in refusal(tmp_path, zipped(bomb, zipfile.ZIP_DEFLATED), "bomb.pt")
    assert "entries" in refusal(tmp_path, zipped(sound | {f"archive/{i}": b"" for i in range(100)}), "bomb.pt")
    assert "data.pkl" in refusal(tmp_path, zipped({"archive/x": b""}), "bomb.pt")
    assert "no code" in refusal(tmp_path, zipped(sound | {"archive/constants.pkl": b""}), "bomb.pt")
    overlapping = bytearray(zipped({"archive/data.pkl": file(NONE), "archive/data/0": b"\0" * 200}))
    at = overlapping.rindex(b"PK\x01\x02")
    struct.pack_into("<II", overlapping, at + 20, 2**31, 2**31)  # sizes in the directory
    assert "damaged" in (said := refusal(tmp_path, bytes(overlapping), "bomb.pt")) or "overlap" in said
    assert "damaged zip" in refusal(tmp_path, buffer.getvalue()[:-10], "bomb.pt")


@pytest.mark.parametrize(
    "data",
    [
        file(b"B\xff\xff\xff\xff"),  # BINBYTES of 4 GiB
        file(b"\x8e" + b"\xff" * 7 + b"\x7f"),  # BINBYTES8 of 8 EiB
        file(b"\x96" + b"\xff" * 7 + b"\x7f"),  # BYTEARRAY8
        file(b"\x8d" + b"\xff" * 7 + b"\x7f"),  # BINUNICODE8
        file(b"X\xff\xff\xff\xff"),
        file(b"\x8b\xff\xff\xff\x7f"),  # LONG4
        file(b"T\xff\xff\xff\x7f"),  # BINSTRING
        file(NONE, b"r\xff\xff\xff\xff"),  # memo index 4 billion
        file(NONE, b"p99999999999999999999\n"),
        file(b"\x8a\xff" + b"\x7f" * 255),  # a number of 2,040 bits
        file(b"L" + b"9" * 100_000 + b"L\n"),
        PROTO + b"(" * 1_000_000,
        file(EMPTY_TUPLE, TUPLE1 * 100_000),
        file(as_weight(EMPTY_LIST + MEMOIZE + MARK + b"h\0" + APPENDS)),  # a list in itself
    ],
    ids=range(14),
)
def test_giant_claims_and_deep_nests(tmp_path, data):
    refusal(tmp_path, data, traced=len(data) < 1000)


def test_a_tree_that_grows_with_its_depth_is_no_key(tmp_path):
    tree = EMPTY_TUPLE + MEMOIZE + b"".join((b"h" + bytes([i])) * 2 + TUPLE2 + MEMOIZE for i in range(90))
    assert "used as a key" in refusal(tmp_path, file(tree, EMPTY_DICT, b"h\x5a", NONE, SETITEM))
    assert "used as a key" in refusal(tmp_path, file(tree, EMPTY_SET, MARK, b"h\x5a", ADDITEMS))
    assert "holds none of" in refusal(tmp_path, file(tree))


def test_copies_of_one_thing_are_counted(tmp_path):
    """A long text, and a long list, named once and turned into bytes and sets again and again."""
    encode = named("_codecs", "encode") + MEMOIZE + MARK + text("\xff" * 500_000) + text("latin1") + TUPLE + MEMOIZE
    assert "more bytes than it has" in refusal(tmp_path, file(encode, (b"h\0h\x01" + REDUCE) * 1000), traced=True)
    numbers = MARK + b"".join(whole(i) for i in range(10_000)) + b"l" + TUPLE1
    sets = named("builtins", "set") + MEMOIZE + numbers + MEMOIZE
    assert "steps" in refusal(tmp_path, file(sets, (b"h\0h\x01" + REDUCE) * 1000))
    nested = LOADED + MEMOIZE + binary(legacy(file(storage(whole(1)) * 5000), KEYS)) + TUPLE1 + MEMOIZE
    assert "more bytes" not in refusal(tmp_path, file(nested, (b"h\0h\x01" + REDUCE) * 1000))


def test_storages_that_claim_more_than_the_file_has(tmp_path):
    tensor = called(
        named("torch._utils", "_rebuild_tensor_v2"),
        storage(whole(2**31 - 1)),
        whole(0),
        *[MARK + whole(9) + TUPLE] * 2,
    )
    for archive in (
        legacy(file(record("g_ema", record("a", tensor))), KEYS),
        zipped({"archive/data.pkl": file(record("g_ema", record("a", tensor))), "archive/data/0": b"\0" * 8}),
    ):
        assert "more than it has" in refusal(tmp_path, archive, "large.pt")
    many = MARK + b"".join(storage(whole(100)).replace(b"0", bytes([65 + i])) for i in range(20)) + TUPLE
    assert "more than it has" in refusal(tmp_path, legacy(file(many), KEYS), "many.pt")
    for odd in (storage(text("9")), storage(whole(-1)), storage(whole(1), "UntypedStorage"), text("x") + b"Q"):
        assert "storage" in refusal(tmp_path, legacy(file(odd), KEYS), "odd.pt")


def rebuilt(size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> bytes:
    data = legacy(file(storage(whole(4))), KEYS, rest=struct.pack("<q4f", 4, 1, 2, 3, 4))
    numbers = (MARK + b"".join(map(whole, each)) + TUPLE for each in (size, stride))
    call = called(LOADED, binary(data))
    return called(named("torch._utils", "_rebuild_tensor_v2"), call, whole(offset), *numbers, b"\x89", EMPTY_DICT)


@pytest.mark.parametrize(
    "tensor",
    [
        rebuilt((2**31 - 1,), (0,)),
        rebuilt((2**31 - 1, 2**31 - 1, 2**31 - 1), (0, 0, 0)),
        rebuilt((2, 2), (1, 4)),
        rebuilt((4,), (1,), 1),
        rebuilt((4,), (1,), -1),
        rebuilt((-4,), (1,)),
        rebuilt((4,), (1, 1)),
        called(named("torch._utils", "_rebuild_tensor_v2"), text("x"), whole(0), EMPTY_TUPLE, EMPTY_TUPLE),
        called(named("torch._utils", "_rebuild_tensor_v2")),
        called(named("torch._utils", "_rebuild_parameter"), NONE),
        called(ARRAY, NONE),
        called(LOADED, binary(b"")),
        named("torch._utils", "_rebuild_tensor_v2"),
        text("a weight"),
    ],
    ids=range(14),
)
def test_a_tensor_that_is_not_what_it_says(tmp_path, tensor):
    said = refusal(tmp_path, file(as_weight(module({"const": tensor}))))
    assert "get the file anew" in said or "do not trust" in said or "tensor" in said


def module(tensors: dict[str, bytes]) -> bytes:
    """A generator that would be TINY, but for its tensors."""
    block = {"_parameters": fields(tensors), "_modules": record("conv1", of_class("SynthesisLayer", {}))}
    synthesis = of_class("SynthesisNetwork", {"_modules": record("b4", of_class("SynthesisBlock", block))})
    mapping = of_class("MappingNetwork", {"_modules": record("fc0", of_class("FullyConnectedLayer", {}))})
    dims = {"z_dim": 2, "c_dim": 0, "w_dim": 2, "img_resolution": 8, "img_channels": 1}
    kwargs = fields({name: whole(value) for name, value in dims.items()})
    inside = fields({"synthesis": synthesis, "mapping": mapping})
    return of_class("Generator", {"_modules": inside, "_init_kwargs": kwargs})


def fields(values: dict[str, bytes]) -> bytes:
    return EMPTY_DICT + b"".join(text(name) + value + SETITEM for name, value in values.items())


def of_class(name: str, state: dict[str, bytes]) -> bytes:
    return called(MODULE, fields({"class_name": text(name), "state": fields(state)}))


@pytest.mark.parametrize("names", [5, 20_000])
def test_a_module_that_holds_itself_ends(tmp_path, names):
    dims = {"z_dim": 2, "c_dim": 0, "w_dim": 2, "img_resolution": 8, "img_channels": 1}
    kwargs = fields({name: whole(value) for name, value in dims.items()})
    again = MODULE + b"h\0" + TUPLE1 + REDUCE  # of the dict below, while it is filled
    inside = ("mapping", "synthesis", "b4", "conv1", "fc0", *(f"n{number}" for number in range(names - 5)))
    told = EMPTY_DICT + MEMOIZE + text("class_name") + text("Generator") + SETITEM
    state = {"_init_kwargs": kwargs, "_modules": fields(dict.fromkeys(inside, again))}
    told += text("state") + fields(state) + SETITEM
    assert "without end" in refusal(tmp_path, file(as_weight(MODULE + told + TUPLE1 + REDUCE)))


def test_a_class_without_a_name(tmp_path):
    call = called(MODULE, fields({"class_name": EMPTY_LIST, "state": EMPTY_DICT}))
    assert "nameless" in refusal(tmp_path, file(as_weight(call)))


def test_arrays_that_are_not_what_they_say(tmp_path):
    def network(value: bytes, version: int = 4) -> bytes:
        rows = EMPTY_LIST + MARK + text("4x4/Dense/weight") + value + TUPLE2 + APPENDS
        state = EMPTY_DICT + text("version") + whole(version) + SETITEM + text("variables") + rows + SETITEM
        return named("tfutil", "Network") + EMPTY_TUPLE + NEWOBJ + state + BUILD

    def array(shape: bytes, dtype: bytes, data: bytes) -> bytes:
        made = called(ARRAY, named("numpy", "ndarray"), whole(0) + TUPLE1, binary(b"b"))
        return made + MARK + whole(1) + shape + dtype + b"\x89" + binary(data) + TUPLE + BUILD

    huge = MARK + whole(2**31 - 1) + whole(2**31 - 1) + TUPLE
    objects = called(named("numpy", "dtype"), text("O8"), b"\x89", b"\x88")
    one = whole(1) + TUPLE1
    for value, said in (
        (array(huge, DTYPE, b"\0\0\0\0"), "4 bytes"),
        (array(one, objects, b"\0" * 8), "plain numbers"),
        (array(whole(-1) + TUPLE1, DTYPE, b""), "not told as numpy does"),
        (array(text("x"), DTYPE, b""), "not told as numpy does"),
        (called(ARRAY, NONE), "not told as numpy does"),
        (called(named("numpy", "dtype"), text("f4")), "without a name or numbers"),
    ):
        three = MARK + network(value) + NONE + network(value) + TUPLE
        assert said in refusal(tmp_path, file(three))
    assert "three networks" in refusal(tmp_path, file(MARK, network(NONE), TUPLE))
    shared = array(MARK + whole(25) + whole(10_000) + TUPLE, DTYPE, bytes(1_000_000)) + MEMOIZE
    rows = [MARK + text(f"mapping/Dense{n}/weight") + (b"h\0" if n else shared) + TUPLE for n in range(2000)]
    state = fields({"version": whole(4), "variables": EMPTY_LIST + MARK + b"".join(rows) + APPENDS})
    many = named("tfutil", "Network") + EMPTY_TUPLE + NEWOBJ + state + BUILD
    assert "more than its file has" in refusal(tmp_path, file(MARK, many, NONE, NONE, TUPLE), traced=True)


@pytest.mark.parametrize("step", [1, 7])
def test_cut_short_at_every_length(tmp_path, step):
    data, _ = nvidia_generator(TINY, protocol=4 if step == 7 else 3)
    path = tmp_path / "cut.pkl"
    lengths = [*range(0, 600, step), *range(600, len(data), 997 * step), len(data) - 1]
    for length in lengths:
        path.write_bytes(data[:length])
        with pytest.raises(Refusal):
            reading.read(path)
    path.write_bytes(data)
    reading.read(path).network("G_ema")


def test_an_archive_cut_short_at_every_length(tmp_path):
    path = tmp_path / "cut.pt"
    for modern in (True, False):
        buffer = io.BytesIO()
        torch.save({"g_ema": {"a": torch.arange(4.0)}}, buffer, _use_new_zipfile_serialization=modern)
        data = buffer.getvalue()
        for length in range(0, len(data), 5):
            path.write_bytes(data[:length])
            with pytest.raises(Refusal):
                reading.read(path)


def test_more_than_steps_are_spent_by_all_pickles_of_a_file_together():
    budget = pickles.Budget(room=0, opcodes=10)
    data = file(*[NONE] * 5)
    pickles.read(io.BytesIO(data), "a test", frozenset(), budget)
    with pytest.raises(Refusal, match="steps"):
        pickles.read(io.BytesIO(data), "a test", frozenset(), budget)


def test_what_is_no_pickle_at_all(tmp_path):
    rng = np.random.default_rng(0)
    for data in (b"", b"\x80", b"\x80\x04", STOP, b"GIF89a", rng.bytes(5000), b"\x80\x04" + rng.bytes(5000)):
        refusal(tmp_path, data)
    path = tmp_path / "folder.pkl"
    path.mkdir()
    with pytest.raises(Refusal):
        load(path)


def test_a_sound_file_beside_it_loads(tmp_path):
    data, network = nvidia_generator(TINY)
    path = tmp_path / "sound.pkl"
    path.write_bytes(data)
    assert torch.equal(load(path).family.average.synthesis.b4.const, network.synthesis.b4.const)
    assert seeded(TINY).synthesis.b8.conv1.weight.shape == (1, 1, 3, 3)
