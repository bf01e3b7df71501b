"""The queue: two who take at once never take the same case, and nobody's step is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from app.cases import changes, journal
from app.cases.case import State, case
from app.cases.store import Store
from forensics.refusal import Refusal


def test_a_case_goes_through_the_queue(store, made):
    number = made.save(store)
    changes.take(store, "ben", number)
    assert (case(store, number).state, case(store, number).taken_by) == (State.TAKEN, "ben")
    with pytest.raises(Refusal, match="not open any more"):
        changes.take(store, "cai", number)
    with pytest.raises(Refusal, match="taken by ben"):
        changes.close(store, "cai", number, 2)
    changes.give_back(store, "cai", number)
    changes.take(store, "cai", number)
    changes.close(store, "cai", number, 4)
    with pytest.raises(Refusal, match="open it again"):
        changes.note(store, "cai", number, "late", 5)
    changes.give_back(store, "ana", number)
    assert case(store, number).state is State.OPEN
    did = [entry.what for entry in journal.entries(store, number)]
    assert did == ["saved", "taken", "given back", "taken", "closed", "given back"]


def test_the_oldest_open_case_is_next(store, made):
    assert changes.take_next(store, "ben") is None
    for grey in (1, 2, 3):
        made.save(store, grey)
    changes.take(store, "cai", 1)
    assert [changes.take_next(store, "ben") for _ in range(3)] == [2, 3, None]


def test_many_who_take_at_once_each_take_another(place, made):
    stores = [Store.open(place) for _ in range(4)]
    for grey in range(50, 62):
        made.save(stores[0], grey)
    start = Barrier(4)

    def work(i: int) -> list[int]:
        start.wait()
        took = []
        while (number := changes.take_next(stores[i], f"analyst {i}")) is not None:
            took.append(number)
        return took

    with ThreadPoolExecutor(4) as pool:
        took = list(pool.map(work, range(4)))
    assert sorted(number for one in took for number in one) == list(range(1, 13))
    for i, numbers in enumerate(took):
        assert {case(stores[0], number).taken_by for number in numbers} <= {f"analyst {i}"}
    assert journal.check(stores[0]) is None
    for store in stores:
        store.engine.dispose()


def test_one_case_that_four_want_is_taken_by_one(place, made):
    stores = [Store.open(place) for _ in range(4)]
    number = made.save(stores[0])
    start = Barrier(4)

    def work(i: int) -> bool:
        start.wait()
        try:
            changes.take(stores[i], f"analyst {i}", number)
        except Refusal:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    assert [e.what for e in journal.entries(stores[0])] == ["saved", "taken"]
    for store in stores:
        store.engine.dispose()


def test_a_store_that_four_make_at_once_is_made_once(place, made):
    start = Barrier(4)

    def work(i: int) -> int:
        start.wait()
        store = Store.open(place)
        number = made.save(store, 70 + i)
        store.engine.dispose()
        return number

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [1, 2, 3, 4]
    assert journal.check(Store.open(place)) is None


def test_a_row_that_is_being_changed_is_skipped_and_not_waited_for(postgres, made):
    """PostgreSQL's SKIP LOCKED: while another works on the first case, the second is taken at once."""
    from sqlalchemy import text

    store = Store.open(postgres())
    made.save(store, 1)
    made.save(store, 2)
    with store.changing() as link:
        link.execute(text("SELECT 1 FROM forensics_cases WHERE number = 1 FOR UPDATE"))
        assert changes.take_next(store, "ben") == 2
        with pytest.raises(Refusal):
            changes.take(store, "ben", 1)
    store.engine.dispose()
