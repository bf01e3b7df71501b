"""Worker processes that hold heavy models. None of them can take the work down with it.

Each worker loads once, then does one job at a time. A worker that dies (a decoder's segmentation
fault, the system's memory killer), hangs or takes too much memory is replaced; the job it was on is
tried once more and then answered with `Lost`. Workers leave quietly when their parent is gone, however it went.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Generic, TypeVar

from forensics.refusal import Refusal

Held = TypeVar("Held")
Item = TypeVar("Item")
Answer = TypeVar("Answer")

PATIENCE = 300.0  # seconds for one job: ten times what the largest photo allowed takes on a slow machine
MEMORY = (
    2 * 2**30
)  # bytes that a worker on one photo may hold; the largest photos allowed take 1.8 GiB, models and all
LOOK = 0.1  # seconds between two looks at how much memory is held: a process fills some 0.2 GiB meanwhile
TRIES = 2
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
READY, REFUSED, FAILED, DONE = "ready", "refused", "failed", "done"


@dataclass(frozen=True)
class Lost:
    """In place of an answer: the job killed its worker each time, never ended, or took too much memory."""

    why: str


@dataclass
class Worker(Generic[Item]):
    process: BaseProcess
    connection: Connection
    item: Item | None = None
    tries: int = 0  # how often `item` was given to a worker
    since: float = 0.0  # when the job began; not counted while the worker loads
    ready: bool = False
    busy: bool = False


class Crew(Generic[Held]):
    """Up to `size` workers, each started when there is a job for it.

    `hold` is called once in each worker; what it returns stays there and is given to every job.
    `hold` and jobs are importable functions (or `functools.partial`s of such), since workers are
    spawned. Each worker computes on one core, so that answers do not depend on `size`. `memory`: bytes that
    a worker may hold while it does a job, models and all; looked at on Linux only.
    """

    def __init__(self, hold: Callable[[], Held], size: int, patience: float = PATIENCE, memory: float = inf):
        if size < 1:
            raise Refusal(f"--workers {size}: at least 1 is needed")
        self.hold, self.size, self.patience, self.memory = hold, size, patience, memory
        self.workers: list[Worker] = []

    def __enter__(self) -> Crew[Held]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in list(self.workers):
            self._end(worker)

    def map(self, job: Callable[[Held, Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer | Lost]]:
        """Pairs of item and answer, in the order in which they are done.

        Raises Refusal when `hold` or a job refuses or a worker dies while it loads, RuntimeError when a job fails.
        """
        queue: Iterator[tuple[Item, int]] = ((item, 1) for item in items)
        again: deque[tuple[Item, int]] = deque()
        try:
            while True:
                while self._free() and (task := again.popleft() if again else next(queue, None)):
                    self._give(job, *task)
                busy = [worker for worker in self.workers if worker.busy]
                if not busy:
                    return
                for worker in self._speaking(busy):
                    outcome = self._hear(worker)
                    if outcome is None:
                        continue
                    worker.busy = False
                    if not isinstance(outcome, Lost):
                        yield worker.item, outcome[0]
                        continue
                    self._end(worker)
                    if worker.tries < TRIES:
                        again.append((worker.item, worker.tries + 1))
                    else:
                        yield worker.item, outcome
        finally:  # also when the caller stops listening: no answer of this call may reach the next
            for worker in [w for w in self.workers if w.busy]:
                self._end(worker)

    def _free(self) -> bool:
        return len(self.workers) < self.size or not all(worker.busy for worker in self.workers)

    def _give(self, job: Callable, item: Item, tries: int) -> None:
        worker = next((w for w in self.workers if not w.busy), None) or self._start()
        worker.item, worker.tries, worker.since, worker.busy = item, tries, time.monotonic(), True
        with suppress(OSError):  # it died while idle: listening to it will show
            worker.connection.send((job, item))

    def _start(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(theirs, self.hold), daemon=True)
        with worker_settings():
            process.start()
        theirs.close()  # so that the end of the worker is the end of the pipe
        worker = Worker(process, ours)
        self.workers.append(worker)
        return worker

    def _end(self, worker: Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)

    def _speaking(self, busy: list[Worker]) -> list[Worker]:
        """Workers that have said something, died, or run out of time or memory."""
        by_connection = {worker.connection: worker for worker in busy}
        pause = min(1.0 if self.memory == inf else LOOK, self.patience / 4)
        said = [by_connection[c] for c in wait(list(by_connection), timeout=pause)]
        return said + [w for w in busy if w not in said and self._beyond(w)]

    def _beyond(self, worker: Worker) -> Lost | None:
        """Which limit a worker is beyond."""
        if worker.ready and time.monotonic() - worker.since > self.patience:
            return Lost(f"it was not done after {self.patience:g} seconds")
        if worker.ready and self.memory < inf and resident(worker.process) > self.memory:
            return Lost(f"it needed more than {self.memory / 2**30:.3g} GiB of memory")
        return None

    def _hear(self, worker: Worker) -> tuple | Lost | None:
        """What a worker says: (answer,), Lost when it is no more, None when it only became ready."""
        if not worker.connection.poll():
            return self._beyond(worker)
        try:
            kind, content = worker.connection.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=5)
            if not worker.ready:
                died = f"a worker died while it loaded its models ({cause(worker.process)})"
                raise Refusal(f"{died}; is there enough memory? fewer --workers need less") from None
            return Lost(f"the decoder crashed ({cause(worker.process)})")
        if kind == READY:
            worker.ready, worker.since = True, time.monotonic()
            return None
        if kind == REFUSED:
            raise Refusal(content)
        if kind == FAILED:
            raise RuntimeError(f"in a worker:\n{content}")
        return (content,)


def serve(connection: Connection, hold: Callable[[], Held]) -> None:
    """A worker's life: load, then jobs until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends its workers
    silence()
    with suppress(EOFError, OSError):  # the parent is gone
        try:
            held = hold()
        except Refusal as refusal:
            return connection.send((REFUSED, str(refusal)))
        except Exception:
            return connection.send((FAILED, traceback.format_exc()))
        one_core()
        connection.send((READY, None))
        while True:
            job, item = connection.recv()
            try:
                answer = (DONE, job(held, item))
            except Refusal as refusal:
                answer = (REFUSED, str(refusal))
            except Exception:
                answer = (FAILED, traceback.format_exc())
            connection.send(answer)


def one_core() -> None:
    """Libraries that ask the machine, not the environment, how many threads to start."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def silence() -> None:
    """Native libraries write logs to file descriptors 1 and 2, through any progress bar: they go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


@contextmanager
def worker_settings() -> Iterator[None]:
    """Processes started here ignore Ctrl-C from their first instruction on, and compute on one thread."""
    main = threading.current_thread() is threading.main_thread()  # only it may set signals
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
    try:
        with environment(dict.fromkeys(THREADS, "1")):
            yield
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Processes started here inherit these variables; this one gets its own back."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def cause(process: BaseProcess) -> str:
    code = process.exitcode
    if code is not None and -code in {s.value for s in signal.Signals}:
        return signal.Signals(-code).name
    return f"exit code {code}"


def resident(process: BaseProcess) -> int:
    """Bytes of memory that a process holds; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    except (OSError, IndexError):  # no Linux, or it has just ended
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
