"""Where photos are examined: each desk is a thread with one worker process, so that none waits for another's death.

A photo that kills its worker or never ends costs one worker's life or two, and no other photo its verdict.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue

from app.service.limits import Limits
from app.service.work import Answer, Failed, Late, Order, examine, nothing
from forensics.crew import MEMORY, Crew, Lost
from forensics.refusal import Refusal
from forensics.scan import Examiners

Outcome = Answer | Failed | Late | Lost
AGAIN = 5.0  # seconds before models are loaded again where that failed
FAREWELL = 5.0  # seconds for a desk to be cleared


class Full(Exception):
    """All seats are taken. `retry`: seconds until one should be free."""

    def __init__(self, retry: int):
        super().__init__(retry)
        self.retry = retry


class Desks:
    """`load` is called in each worker. `give_up` is told, from a thread, when the models cannot be loaded at all."""

    def __init__(self, load: Callable[[], Examiners], limits: Limits, give_up: Callable[[Refusal], None]):
        self.load, self.limits, self.give_up = load, limits, give_up
        self.loaded = threading.Event()  # set when the first worker has its models
        self.taken = 0  # seats; used by the event loop only
        self._troubles: dict[int, str] = {}  # by desk: why its lost worker could not be replaced yet
        self.recent = 1.0  # seconds that the last photo took
        self._orders: SimpleQueue[tuple[Order, Future[Outcome]] | None] = SimpleQueue()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._attend, args=(i,), daemon=True) for i in range(limits.workers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Photos that were taken are finished, none is begun after them."""
        self._closing.set()
        for _ in self._threads:
            self._orders.put(None)
        until = time.monotonic() + FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    @property
    def trouble(self) -> str | None:
        """Why no photo can be examined although models were loaded once; None while one desk has its worker."""
        return next(iter([*self._troubles.values()]), None) if len(self._troubles) == len(self._threads) else None

    @property
    def ready(self) -> bool:
        return self.loaded.is_set() and not self.trouble

    @property
    def waiting(self) -> int:
        return self._orders.qsize()

    @contextmanager
    def seat(self) -> Iterator[None]:
        """A place for one request, from before its body is read. Raises Full."""
        if self.taken >= self.limits.seats:
            raise Full(min(60, 1 + round(self.recent)))
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    def submit(self, order: Order) -> Future[Outcome]:
        future: Future[Outcome] = Future()
        self._orders.put((order, future))
        return future

    def _attend(self, desk: int) -> None:
        """A desk's day: load, examine; after a worker was lost, load again before the next photo is taken."""
        with Crew(self.load, 1, self.limits.seconds, MEMORY) as crew:
            while self._ready(desk, crew):
                while True:
                    task = self._orders.get()
                    if task is None:
                        return
                    if not self._examined(crew, *task):
                        break

    def _ready(self, desk: int, crew: Crew[Examiners]) -> bool:
        """Waits until a worker has its models. False when the service ends first."""
        while not self._closing.is_set():
            try:
                [(_, lost)] = crew.map(nothing, [None])
                if lost is None:
                    self._troubles.pop(desk, None)
                    self.loaded.set()
                    return True
                self._troubles[desk] = lost.why
            except Exception as error:  # a desk outlives whatever its worker could not do
                self._troubles[desk] = why = last_line(error)
                if not self.loaded.is_set():
                    self.give_up(Refusal(why))
            self._closing.wait(AGAIN)
        return False

    def _examined(self, crew: Crew[Examiners], order: Order, future: Future[Outcome]) -> bool:
        """Whether the desk still has its worker."""
        if not future.set_running_or_notify_cancel():
            return True  # nobody waits for it any more
        began = time.monotonic()
        try:
            [(_, outcome)] = crew.map(examine, [order])
        except Exception as error:
            outcome = Lost(f"no worker could be started for it ({last_line(error)})")
        self.recent = time.monotonic() - began
        future.set_result(outcome)
        return not isinstance(outcome, Lost)


def last_line(error: Exception) -> str:
    """Of a worker's traceback, what it ended with."""
    return (str(error).splitlines() or [type(error).__name__])[-1]
