"""A report from somebody else may be anything: it is read, or refused in one line, and never more than that."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cases.dossier import Dossier, compact, record
from app.cases.html import as_html
from app.cases.pdf import as_pdf
from app.cases.store import Store
from forensics import recheck, reread
from forensics.refusal import Refusal


@pytest.fixture(scope="module")
def dossier(tmp_path_factory, made) -> Dossier:
    store = Store.open(str(tmp_path_factory.mktemp("kept") / "c.sqlite"))
    return Dossier.of(store, made.save(store, 100))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("a" * 64),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def survives(text: bytes, made) -> None:
    """Read and compared as the command does it, or refused in one line."""
    try:
        read = reread.record(reread.json_of(text))
    except Refusal as refusal:
        assert len(str(refusal).splitlines()) == 1
        return
    recheck.case_differences(read)
    recheck.other_makers(read.report, made.panel, made.calibration)
    if "stability" not in read.report:
        recheck.differences(read.report, made.png(100), made.panel, made.calibration)


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_any_bytes(made, data):
    survives(data, made)


@given(JSON)
@settings(max_examples=150)
def test_any_json(made, value):
    survives(json.dumps(value).encode(), made)


@given(st.data())
@settings(max_examples=400)
def test_a_record_with_anything_anywhere(dossier, made, data):
    """One value, anywhere in a good record, replaced by any other, or left out, or put in."""
    changed = copy.deepcopy(record(dossier))
    at: dict | list = changed
    while True:
        key = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
        deeper = isinstance(at[key], dict | list) and len(at[key]) and data.draw(st.integers(0, 3))
        if not deeper:
            break
        at = at[key]
    kind = data.draw(st.sampled_from(["replace", "remove", "nest"]))
    if kind == "remove":
        del at[key]
    else:
        at[key] = data.draw(JSON) if kind == "replace" else [at[key]]
    survives(json.dumps(changed).encode(), made)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_file_that_was_damaged(dossier, made, data):
    """A stretch of an export's bytes replaced or cut out."""
    whole = data.draw(st.sampled_from([compact(dossier).encode(), as_html(dossier).encode(), as_pdf(dossier)]))
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, 40))
    survives(whole[:start] + data.draw(st.binary(max_size=20)) + whole[start + length :], made)


REPORT = {"file": "a", "sha256": "a" * 64, "status": "ok", "reason": None, "conclusion": None, "log10_lr": 0.0}
REPORT |= {"words": None, "evidence": [], "versions": {"forensics": "1", "weights": {}, "calibration": "a" * 64}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "no JSON"),
        (b'{"file": NaN}', "NaN"),
        (b'{"file": 1, "file": 2}', "twice"),
        (b"[]", "0 reports"),
        (b"\xff\xfe[1]", "no record"),
        (b"[1]", "an object"),
        (b" " * 17_000_000 + b"[]", "over 16 MiB"),
        (json.dumps(REPORT | {"log10_lr": 1e300}).encode(), "log10_lr"),
        (json.dumps(REPORT | {"log10_lr": True}).encode(), "log10_lr"),
        (json.dumps(REPORT | {"conclusion": "fake"}).encode(), "conclusion"),
        (json.dumps(REPORT | {"conclusion": ["x"]}).encode(), "conclusion"),
        (json.dumps(REPORT | {"sha256": "A" * 64}).encode(), "sha256"),
        (json.dumps(REPORT | {"sha256": "a" * 64 + "\n"}).encode(), "sha256"),
        (json.dumps(REPORT | {"evidence": [{}] * 10_001}).encode(), "at most 10,000"),
        (b"%PDF-1.7\n" + reread.PDF_START, "middle of its record"),
        (b"<html>" + reread.HTML_START * 2 + reread.HTML_END, "more than one"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said(text, why):
    with pytest.raises(Refusal, match=why) as refused:
        reread.record(reread.json_of(text))
    assert len(str(refused.value)) < 300


def test_a_good_report_is_read():
    assert reread.record(json.dumps(REPORT).encode()).report == REPORT


def test_a_huge_file_is_not_read_whole(tmp_path):
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(Refusal, match="over 64 MiB"):
        reread.reread(path)
