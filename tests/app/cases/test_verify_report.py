"""`forensics verify-report`: 0 where a report matches its photo, 1 where it differs, 2 where it cannot be checked."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from app import cli
from app.cases import changes
from app.cases.case import Own
from app.cases.dossier import Dossier, as_json, record
from app.cases.html import as_html
from app.cases.pdf import as_pdf
from app.cases.store import Store
from forensics.report import as_json as reports_as_json


@pytest.fixture
def verify(monkeypatch, capfd, made):
    """Run the command with the stand-in panel: exit code, standard output, standard error."""
    monkeypatch.setattr("detectors.load_examiners", lambda *_: (made.panel, made.calibration))

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["forensics", "verify-report", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capfd.readouterr()
        return exit_.value.code or 0, out, err.strip()

    return run


@pytest.fixture
def photo(tmp_path, made):
    path = tmp_path / "photo.png"
    path.write_bytes(made.png(100))
    return path


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    path = tmp_path / "cases.sqlite"
    monkeypatch.setenv("FORENSICS_CASES", str(path))
    return path


@pytest.fixture
def dossier(place, made) -> Dossier:
    store = Store.open(str(place))
    number = made.save(store, 100)
    changes.note(store, "ben", number, "a note", 1)
    changes.conclude(store, "ben", number, Own.CAMERA, "a reason", 2)
    return Dossier.of(store, number)


FORMS = {"json": lambda d: as_json(d).encode(), "html": lambda d: as_html(d).encode(), "pdf": as_pdf}


@pytest.mark.parametrize("form", FORMS)
def test_each_export_matches(verify, dossier, photo, tmp_path, form):
    path = tmp_path / f"case.{form}"
    path.write_bytes(FORMS[form](dossier))
    code, out, err = verify(path, "--photo", photo)
    assert (code, err) == (0, "")
    assert "matches" in out


def test_what_inspect_writes_matches(verify, photo, tmp_path, made):
    path = tmp_path / "verdicts.json"
    path.write_text(reports_as_json([made.report(made.png(3)), made.report(made.png(100), "dir/other name.png")]))
    assert verify(path, "--photo", photo)[0] == 0
    code, _, err = verify(path)
    assert code == 2
    assert "2 reports" in err


def test_the_photo_of_a_saved_case_is_found(verify, dossier, tmp_path, place):
    path = tmp_path / "case.json"
    path.write_text(as_json(dossier))
    assert verify(path)[0] == 0
    place.unlink()
    code, _, err = verify(path)
    assert code == 2
    assert "--photo" in err
    assert not place.exists()  # none is made


CHANGES = {
    "evidence.glance.score": lambda r: r["evidence"][0].update(score=r["evidence"][0]["score"] + 2e-6),
    "evidence.glance.finding": lambda r: r["evidence"][0].update(finding="It is a fake."),
    "evidence.glance.marks": lambda r: r["evidence"][0]["marks"][0].update(left=1),
    "evidence.glance.caveats": lambda r: r["evidence"][0].update(caveats=["none"]),
    "evidence.more.score": lambda r: r["evidence"].append(r["evidence"][0] | {"detector": "more"}),
    "log10_lr": lambda r: r.update(log10_lr=4.0),
    "conclusion": lambda r: r.update(conclusion="supports_generated"),
    "words": lambda r: r.update(words="It is a fake."),
    "weights.glance": lambda r: r["versions"]["weights"].update(glance="b" * 64),
    "weights.other": lambda r: r["versions"]["weights"].update(other="b" * 64),
    "calibration": lambda r: r["versions"].update(calibration="b" * 64),
    "sha256 of the photo": lambda r: r.update(sha256="b" * 64),
}


@pytest.mark.parametrize("where", CHANGES)
def test_a_report_that_was_changed_differs_and_where(verify, dossier, photo, tmp_path, where):
    changed = record(dossier)
    CHANGES[where](changed["report"])
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    code, out, _ = verify(path, "--photo", photo)
    assert code == 1
    assert f"{where}: " in out
    assert "matches" not in out


def test_a_small_difference_is_said_to_be_small(verify, dossier, photo, tmp_path):
    """Of scores that another machine computed, the sixth decimal may be rounded otherwise."""
    path = tmp_path / "changed.json"
    for by, code in ((1e-6, 0), (1e-4, 1), (1e-1, 1)):
        changed = record(dossier)
        changed["report"]["evidence"][0]["score"] += by
        path.write_text(json.dumps(changed))
        found = verify(path, "--photo", photo)
        assert found[0] == code
        assert ("Another processor" in found[1]) == (by == 1e-4)


@pytest.mark.parametrize(
    ("name", "value"),
    [("notes", "another note"), ("own_conclusion", "generated"), ("own_reason", ""), ("taken_by", "mallory")],
)
def test_a_case_that_was_changed_differs(verify, dossier, photo, tmp_path, name, value):
    changed = record(dossier)
    changed["case"][name] = value
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    code, out, _ = verify(path, "--photo", photo)
    assert code == 1
    assert f"case.{name}: " in out


def test_a_log_that_was_changed_differs(verify, dossier, photo, tmp_path):
    for name, value in (("who", "mallory"), ("detail", "{}"), ("time", "2020")):
        entries = list(dossier.entries)
        entries[1] = dataclasses.replace(entries[1], **{name: value})
        path = tmp_path / "changed.html"
        path.write_text(as_html(dataclasses.replace(dossier, entries=tuple(entries))))
        code, out, _ = verify(path, "--photo", photo)
        assert code == 1
        assert "log.2: " in out


def test_another_photo_differs(verify, dossier, tmp_path, made):
    path, other = tmp_path / "case.pdf", tmp_path / "other.png"
    path.write_bytes(as_pdf(dossier))
    other.write_bytes(made.png(101))
    code, out, _ = verify(path, "--photo", other)
    assert code == 1
    assert "sha256 of the photo" in out


def test_what_cannot_be_checked_is_one_line(verify, dossier, photo, tmp_path):
    path = tmp_path / "case.json"
    path.write_text(as_json(dossier))
    text = tmp_path / "text.html"
    text.write_text("<html>nothing of ours")
    for words in (
        (tmp_path / "none.json", "--photo", photo),
        (tmp_path, "--photo", photo),
        (path, "--photo", tmp_path / "none.png"),
        (text, "--photo", photo),
        (photo, "--photo", photo),
        ("/dev/zero", "--photo", photo),
    ):
        code, _, err = verify(*words)
        assert code == 2
        assert err.startswith("error: ")
        assert len(err.splitlines()) == 1


def test_a_report_cannot_steer_the_terminal(verify, dossier, photo, tmp_path):
    changed = record(dossier)
    changed["report"]["file"] = "\x1b[31m\nmatches: everything\ud800[/bold]"
    changed["report"]["words"] = "\x1b]0;x\x07" * 99
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(changed))
    code, out, _ = verify(path, "--photo", photo)
    assert code == 1
    assert "\x1b" not in out
    assert not any(line.startswith("matches") for line in out.splitlines())


def test_stability_is_tried_again(verify, photo, tmp_path, made):
    from forensics.inspection import inspect_file
    from forensics.stability import REPOSTINGS

    report = inspect_file(made.png(100), made.panel, made.calibration, "a.png", REPOSTINGS)
    path = tmp_path / "stable.json"
    path.write_text(reports_as_json([report]))
    assert verify(path, "--photo", photo)[0] == 0
    told = json.loads(path.read_text())
    told[0]["stability"]["agree"] += 1
    path.write_text(json.dumps(told))
    code, out, _ = verify(path, "--photo", photo)
    assert code == 1
    assert "stability.agree" in out
