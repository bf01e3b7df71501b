"""`python -m tests.hostile.fuzz TARGET [--seconds S]`: one reader against bytes that learn from its branches.

With atheris (coverage-guided; `pip install atheris`), else damage by chance to the same sound files. A target may
refuse in one line; whatever else it raises, a hang or 2 GiB of memory is a finding, and ends the run with its file.
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from random import Random
from types import FunctionType

from detectors.provenance.statements import xmp_properties
from detectors.structure.thumbnail import embedded
from forensics import container, reread
from forensics.photo import MAX_TEXT
from forensics.refusal import Refusal
from generators.interop import pickles
from tests.hostile.damage import DAMAGES
from tests.hostile.seeds import XMP, seeds, with_preview
from tests.hostile.seeds import scene as picture


@dataclass(frozen=True)
class Target:
    """`read` raises Refusal or nothing; `sound` are files to start from; `code` are modules whose branches count."""

    read: Callable[[bytes], object]
    sound: Callable[[], Mapping[str, bytes]]
    code: tuple[object, ...]


def walkers(data: bytes) -> None:
    walked = container.walk(data)
    pieces = walked.pieces if walked else ()
    assert len(pieces) <= container.MAX_PIECES + 1
    for piece in pieces:
        assert 0 <= piece.offset <= piece.offset + piece.length <= len(data)
        assert len(piece.payload) <= min(piece.length, container.MAX_PAYLOAD)
        embedded(piece.payload)
        for _, content in container.photoshop_resources(piece.payload):
            list(container.iptc_fields(content))
    assert data.endswith(container.trailing(data))
    for _, content in container.photoshop_resources(data):
        list(container.iptc_fields(content))
    embedded(data)


def xmp(data: bytes) -> None:
    from xml.etree.ElementTree import ParseError

    with suppress(ParseError, ValueError, LookupError):  # LookupError: an encoding that Python has not
        assert all(len(found.value) <= MAX_TEXT for found in xmp_properties(data))


def pickled(data: bytes) -> None:
    names = frozenset({"numpy.dtype", "numpy.core.multiarray._reconstruct"})
    with suppress(Refusal):
        pickles.read(io.BytesIO(data), "the file", names, pickles.Budget(len(data)), storages=True)


def report(data: bytes) -> None:
    with suppress(Refusal):
        reread.record(reread.json_of(data))


def fields(data: bytes) -> None:
    """A sound report with values of its own choice: each three bytes are a place, one below it, and a value."""
    (one,), case = json.loads(report_sound()["one"]), json.loads(report_sound()["case"])
    for at in range(0, len(data) - 2, 3):
        place, below, value = data[at : at + 3]
        here = case if place & 1 else one
        for step in (place >> 1, below):
            if isinstance(here, list | dict) and here:
                holder, key = (
                    here,
                    sorted(here, key=str)[step % len(here)] if isinstance(here, dict) else step % len(here),
                )
                here = holder[key]
        holder[key] = deepcopy(VALUES[value % len(VALUES)])
    for made in (one, [one], case):
        with suppress(Refusal):
            reread.record(json.dumps(made).encode())


VALUES = (
    None,
    True,
    -1,
    2**60,
    1e308,
    1e-320,
    "",
    "x" * 300,
    "\ud800",
    "é\0",
    [],
    [None] * 9,
    {},
    {"a": 1},
    "ok",
    [[]],
)


def pickled_sound() -> dict[str, bytes]:
    content = {"a": [1, 2.5, None, True, b"bytes", ("x", 2**70)], "set": {1, 2}, "more": OrderedDict(b=[[[]]])}
    return {f"protocol {n}": pickle.dumps(content, n) for n in range(6)}


def report_sound() -> dict[str, bytes]:
    mark = {"label": "eye", "left": 1, "top": 2, "width": 3, "height": 4}
    spoken = {"detector": "jpeg", "score": 0.5, "log10_lr": None, "finding": "x", "marks": [mark], "caveats": ["y"]}
    copy = {"name": "as it came", "log10_lr": 0.1, "conclusion": "inconclusive"}
    one = {"file": "a.jpg", "sha256": "a" * 64, "status": "ok", "reason": None, "conclusion": "inconclusive"}
    one |= {"log10_lr": 0.25, "words": "words", "evidence": [spoken]}
    one |= {"versions": {"forensics": "0.1", "weights": {"jpeg": "b" * 64}, "calibration": "c" * 64}}
    one |= {"stability": {"agree": 1, "original": copy, "copies": [copy]}}
    case = {"notes": "", "own_conclusion": "", "own_reason": "", "state": "open", "taken_by": ""}
    whole = json.dumps({"kind": reread.KIND, "report": one, "case": case, "log": []}, separators=(",", ":")).encode()
    page = reread.HTML_START + whole.replace(b'"', b"&quot;") + reread.HTML_END
    paper = b"%PDF-1.4\nstream\n" + whole + reread.PDF_END
    return {"one": json.dumps([one]).encode(), "case": whole, "page": page, "paper": paper}


def walkers_sound() -> dict[str, bytes]:
    small = {name: data for name, data in seeds().items() if len(data) < 40_000}
    return small | {"preview": with_preview(picture())}


TARGETS = {
    "container": Target(walkers, walkers_sound, (container, sys.modules[embedded.__module__])),
    "xmp": Target(xmp, lambda: {"packet": XMP}, (sys.modules[xmp_properties.__module__],)),
    "pickle": Target(pickled, pickled_sound, (pickles,)),
    "fields": Target(fields, lambda: {"few": bytes(6), "more": bytes(range(60))}, (reread,)),
    "report": Target(report, report_sound, (reread,)),
}


def by_coverage(target: Target, seconds: int) -> None:
    """Does not return: libFuzzer ends the process, with a code that is not 0 after a finding."""
    import atheris

    for module in target.code:
        own = [what for what in vars(module).values() if getattr(what, "__module__", None) == module.__name__]
        for holder in (module, *(what for what in own if isinstance(what, type))):
            for name, what in list(vars(holder).items()):
                if isinstance(what, FunctionType) and what.__module__ == module.__name__:
                    setattr(holder, name, atheris.instrument_func(what))
    corpus = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for name, data in target.sound().items():
        (corpus / name.replace(" ", "-")).write_bytes(data)
    longest = max(len(data) for data in target.sound().values()) * 2
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-max_len={longest}"]
    atheris.Setup(["fuzz", str(corpus), *limits, f"-artifact_prefix={corpus}/finding-"], target.read)
    atheris.Fuzz()


def by_chance(target: Target, seconds: float) -> None:
    sound, end = target.sound(), time.monotonic() + seconds
    for number in count():
        if time.monotonic() > end:
            print(f"{number:,} files, nothing found")  # noqa: T201
            return
        chance = Random(number)
        data = bytearray(chance.choice(list(sound.values())))
        for _ in range(chance.randint(1, 3)):
            if len(data) >= 16:
                data = chance.choice(DAMAGES)(data, chance, sound)
        target.read(bytes(data))


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m tests.hostile.fuzz", description=__doc__)
    asked.add_argument("target", choices=TARGETS)
    asked.add_argument("--seconds", type=int, default=120)
    options = asked.parse_args()
    (by_coverage if find_spec("atheris") else by_chance)(TARGETS[options.target], options.seconds)


if __name__ == "__main__":
    main()
