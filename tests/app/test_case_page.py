"""The page of cases: save, open, write, conclude, take, export, delete; and what is typed is never lost."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app import resources
from app.cases import changes, journal
from app.cases.case import Own, State, Wanted, case, listed
from app.cases.store import Store
from app.views import case as page_of_cases
from app.views import opened_case
from forensics.refusal import Refusal
from forensics.shown import page_of

HOSTILE = "![x](http://evil.example/x.png) [l](http://evil.example) <img src=q onerror=alert(1)>\u202e.png"


def png(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((12, 16, 3), grey, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path, monkeypatch, glance) -> Store:
    page_of_cases.opened.clear()
    monkeypatch.setenv("FORENSICS_CASES", str(tmp_path / "cases.sqlite"))
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    return Store.open(str(tmp_path / "cases.sqlite"))


def save(store: Store, grey: int = 250, name: str = "bright.png") -> int:
    report = resources.engine().inspect(name, png(grey))
    return changes.save(store, "zoe", png(grey), report.as_dict(), page_of(report))[0]


def script() -> None:
    from app import drawing
    from app.views import case

    drawing.style()
    case.page()


def opened() -> AppTest:
    return good(AppTest.from_function(script, default_timeout=30).run())


def good(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def press(page: AppTest, key: str) -> AppTest:
    return good(page.button(key=key).click().run())


def shown(page: AppTest) -> str:
    return " ".join(html.proto.body for html in page.get("html"))


def test_an_empty_store_says_what_to_do(store):
    page = opened()
    assert page.title[0].value == "Cases"
    assert "No cases yet" in shown(page)
    assert "No open case" in shown(press(page, "case-next"))


def test_a_photo_of_this_session_is_kept_only_when_saved(store):
    page = AppTest.from_function(script, default_timeout=30)
    report = resources.engine().inspect("bright.png", png(250))
    key = resources.key_of("bright.png", png(250))
    page.session_state[resources.SESSION] = {key: resources.Inspected.of(report, key, png(250), 0.0)}
    good(page.run())
    assert listed(store, Wanted())[1] == 0
    press(page, "case-save")
    assert page.title[0].value == "Case 1"
    kept = case(store, 1)
    assert (kept.file, kept.opened_by) == ("bright.png", "ana")
    assert "Is it bright?" in shown(page)


def test_a_photo_is_kept_from_its_page(store):
    def inspect() -> None:
        import streamlit as st

        from app import resources
        from app.views.case import keep

        keep(next(iter(st.session_state[resources.SESSION].values())))

    page = AppTest.from_function(inspect, default_timeout=30)
    report = resources.engine().inspect("bright.png", png(250))
    key = resources.key_of("bright.png", png(250))
    page.session_state[resources.SESSION] = {key: resources.Inspected.of(report, key, png(250), 0.0)}
    assert listed(store, Wanted())[1] == 0
    good(page.run())
    assert "Saved as case 1" in shown(page)
    assert case(store, 1).file == "bright.png"


def test_a_case_is_opened_written_and_concluded(store):
    save(store)
    page = press(opened(), "case-open-1")
    assert "Inconclusive" in shown(page)
    assert "The log holds" in shown(page)
    page.text_area(key="case-notes-1").set_value("Seen *before*")
    press(page, "case-save-notes")
    assert "The notes are saved" in shown(page)
    page.selectbox(key="case-own-1").set_value(Own.CAMERA)
    press(page, "case-save-own")
    assert "a conclusion needs a reason" in shown(page)
    page.text_area(key="case-reason-1").set_value("The print is old")
    press(page, "case-save-own")
    kept = case(store, 1)
    assert (kept.notes, kept.own_conclusion, kept.own_reason) == ("Seen *before*", Own.CAMERA, "The print is old")
    assert [entry.who for entry in journal.entries(store)] == ["zoe", "ana", "ana"]
    assert "Seen *before*" in shown(page)  # in the log
    assert "Analyst: A camera took it" in shown(press(page, "case-back"))


def test_the_queue(store):
    save(store)
    page = press(opened(), "case-next")
    assert case(store, 1).taken_by == "ana"
    press(page, "case-close")
    assert case(store, 1).state is State.CLOSED
    assert page.text_area(key="case-notes-1").disabled
    press(page, "case-reopen")
    assert case(store, 1).state is State.OPEN
    press(page, "case-take")
    press(page, "case-give-back")
    assert [e.what for e in journal.entries(store)][-4:] == ["closed", "given back", "taken", "given back"]
    assert case(store, 1).revision == 6


def test_filters(store):
    for grey in (10, 20, 30):
        save(store, grey, f"grey-{grey}.png")
    changes.take(store, "ana", 2)
    page = opened()
    page.session_state["case-state"] = "mine"
    good(page.run())
    assert "grey-20.png" in shown(page)
    assert "grey-30.png" not in shown(page)
    page.session_state["case-state"] = ""
    page.text_input(key="case-words").set_value("grey-2")
    good(page.run())
    assert "grey-20.png" in shown(page)
    assert "grey-10.png" not in shown(page)
    page.text_input(key="case-words").set_value("nothing like this")
    assert "No case fits" in shown(good(page.run()))


def test_what_is_typed_outlives_an_error_of_the_database(store, monkeypatch):
    save(store)
    page = press(opened(), "case-open-1")

    def full(*_):
        raise Refusal("the disk is full; free some space")

    with monkeypatch.context() as patch:
        patch.setattr(changes, "note", full)
        page.text_area(key="case-notes-1").set_value("do not lose me")
        press(page, "case-save-notes")
        assert "the disk is full" in shown(page)
        assert page.text_area(key="case-notes-1").value == "do not lose me"
    press(page, "case-back")
    press(page, "case-open-1")
    assert page.text_area(key="case-notes-1").value == "do not lose me"
    press(page, "case-save-notes")
    assert case(store, 1).notes == "do not lose me"


def test_what_is_typed_outlives_another_analyst(store):
    save(store)
    page = press(opened(), "case-open-1")
    changes.note(store, "ben", 1, "of ben", 1)
    page.text_area(key="case-notes-1").set_value("of ana")
    press(page, "case-save-notes")
    assert "changed by somebody" in shown(page)
    assert case(store, 1).notes == "of ben"
    press(page, "case-reload")
    text = page.text_area(key="case-notes-1").value
    assert "of ben" in text
    assert "of ana" in text
    press(page, "case-save-notes")
    assert case(store, 1).notes == text


def test_saving_what_is_saved_already_is_no_change(store):
    save(store)
    page = press(opened(), "case-open-1")
    page.text_area(key="case-notes-1").set_value("once")
    for _ in range(2):
        press(page, "case-save-notes")
    assert "Somebody changed this case" not in shown(page)
    assert case(store, 1).revision == 2
    assert len(journal.entries(store)) == 2


def test_deletion_takes_two_steps(store):
    save(store)
    page = press(opened(), "case-open-1")
    assert page.button(key="case-delete").disabled
    page.checkbox(key="case-sure-1").check()
    good(page.run())
    press(page, "case-delete")
    assert "Case 1 is deleted" in shown(page)
    assert listed(store, Wanted())[1] == 0
    assert journal.check(store) is None


def test_a_case_that_another_deleted_is_one_line(store):
    save(store)
    page = press(opened(), "case-open-1")
    changes.remove(store, "ben", 1, 1)
    good(page.run())
    assert "case 1 is not there" in shown(page)
    assert good(page.run()).title[0].value == "Cases"


def test_a_broken_log_is_an_alarm(store):
    from sqlalchemy import text

    save(store)
    with store.changing() as link:
        link.execute(text("UPDATE forensics_cases SET own_reason = 'x'"))
    page = press(opened(), "case-open-1")
    assert "The log is broken at entry 1" in shown(page)
    press(page, "case-back")
    press(page, "case-check")
    assert "The log is broken at entry 1" in shown(page)


def test_exports_are_offered(store):
    save(store)
    page = press(opened(), "case-open-1")
    assert [button.label for button in page.download_button] == ["PDF", "HTML", "JSON"]
    page.checkbox(key="case-place").check()
    good(page.run())


def test_trouble_with_the_store_is_one_line(store, monkeypatch, tmp_path):
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("FORENSICS_CASES", str(tmp_path / "folder"))
    assert "The cases cannot be reached" in shown(opened())
    monkeypatch.setenv("FORENSICS_CASES", "mysql://x/y")
    assert "cannot be kept in mysql" in shown(opened())


def test_hostile_text_never_reaches_markdown(store):
    save(store, 10, HOSTILE)
    changes.note(store, HOSTILE, 1, HOSTILE, 1)
    page = opened()
    for look in (page, press(page, "case-open-1")):
        assert "<img src=q" not in shown(look)
        assert "\u202e" not in shown(look)
        for kind in ("markdown", "caption", "info", "warning", "error", "subheader", "expander", "title"):
            assert not [e for e in look.get(kind) if "evil.example" in str(getattr(e, "proto", ""))]


def test_everything_is_said_in_spanish_too(store):
    save(store)
    changes.take(store, "ben", 1)
    page = AppTest.from_function(script, default_timeout=30)
    page.session_state["language"] = "es"
    good(page.run())
    assert "tomado por ben" in shown(page)
    press(page, "case-open-1")
    assert page.title[0].value == "Caso 1"
    assert "tomó el caso" in shown(page)
    assert opened_case.TYPED in page.session_state
