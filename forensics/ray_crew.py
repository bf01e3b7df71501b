"""A crew on Ray actors: on the cores of one machine, or of all machines of a cluster.

Each actor takes one CPU and has a `Crew` of one: the models lie in the same kind of process as without Ray. So
answers are the same bit for bit, and a photo that kills or hangs its process is told in the same words. An actor
that dies itself (its machine is gone) costs its job one of two tries.

RAY_ADDRESS names a running cluster, whose machines must have this package and see the same files under the same
paths. Without it a cluster is started on this machine, that no other can reach, and ended with the crew.
Ray is an extra. It reports nothing to anybody from here: its usage statistics and its dashboard are off.
"""

from __future__ import annotations

import logging
import math
import os
import secrets
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Generic, TypeVar

from forensics.crew import DONE, FAILED, PATIENCE, READY, REFUSED, TRIES, Crew, Lost, environment
from forensics.refusal import Refusal

Held = TypeVar("Held")
Item = TypeVar("Item")
Answer = TypeVar("Answer")

ARRIVAL = 120.0  # seconds until one actor must have been given a CPU
REACH = 5.0  # seconds until the cluster of RAY_ADDRESS must answer
STORE = 100 * 2**20  # bytes of shared memory of a local cluster; jobs and answers are small
SILENT = {"RAY_USAGE_STATS_ENABLED": "0"}
BRIEF = {"RAY_NUM_REDIS_GET_RETRIES": "2"}  # half a minute each, while something listens that is no cluster
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}  # as Ray is on a laptop: 127.0.0.1 stays 127.0.0.1
SHORT = "/tmp" if os.access("/tmp", os.W_OK) else None  # paths of sockets may have a hundred characters
NEEDED = "--engine ray needs the package ray: pip install 'deepfake-forensics[ray]', or use --engine local"


@dataclass(frozen=True)
class Task(Generic[Item]):
    """What an actor is sent. A class of ours, so that Ray pickles it whole, as a pipe would."""

    job: Callable
    item: Item
    tries: int = 1  # this one included


class Actor(Generic[Held]):
    """Lives in a process of the cluster, beside the one process of its crew."""

    def __init__(self, hold: Callable[[], Held], patience: float, memory: float):
        self.crew = Crew(hold, 1, patience, memory)

    def arrive(self) -> tuple[str, None]:
        return READY, None

    def do(self, task: Task[Item]) -> tuple[str, object]:
        try:
            [(_, answer)] = self.crew.map(task.job, [task.item])
        except Refusal as refusal:
            return REFUSED, str(refusal)
        except RuntimeError as error:
            return FAILED, str(error)
        return DONE, answer


@dataclass
class Hand:
    """An actor as seen from here: on its way to a CPU, idle, or busy with a task."""

    actor: Any
    saying: Any  # the reference to what it will say next; None while it is idle
    since: float
    arrived: bool = False
    task: Task | None = None


class RayCrew(Generic[Held]):
    """`forensics.crew.Crew` with actors for workers: the same arguments, answers and refusals.

    Raises Refusal where Ray is not installed.
    """

    def __init__(self, hold: Callable[[], Held], size: int, patience: float = PATIENCE, memory: float = math.inf):
        if size < 1:
            raise Refusal(f"--workers {size}: at least 1 is needed")
        self.hold, self.size, self.patience, self.memory = hold, size, patience, memory
        self.hands: list[Hand] = []
        self.closing = ExitStack()

    def __enter__(self) -> RayCrew[Held]:
        self.ray = self.closing.enter_context(connected(self.size))
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.kind = self.ray.remote(num_cpus=1, num_gpus=gpu_share(nodes, self.size))(Actor)
        return self

    def __exit__(self, *_: object) -> None:
        for hand in list(self.hands):
            self._end(hand)
        self.closing.close()

    def map(self, job: Callable[[Held, Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer | Lost]]:
        """Pairs of item and answer, in the order in which they are done. At most `size` items wait for theirs.

        Raises Refusal when `hold` refuses, an actor does not start or a worker dies while it loads, RuntimeError
        when a job raises.
        """
        queue, waiting = (Task(job, item) for item in items), deque[Task]()
        try:
            while True:
                while len(waiting) + len(self._busy()) < self.size and (task := next(queue, None)):
                    waiting.append(task)
                if not waiting and not self._busy():
                    return
                self._give(waiting)
                hand = self._speaking()
                if hand is None or (outcome := self._hear(hand)) is None:
                    continue
                task, hand.task = hand.task, None
                if not isinstance(outcome, Lost):
                    yield task.item, outcome[0]
                    continue
                self._end(hand)
                if task.tries < TRIES:
                    waiting.appendleft(replace(task, tries=task.tries + 1))
                else:
                    yield task.item, outcome
        finally:  # also when the caller stops listening: no answer of this call may reach the next
            for hand in self._busy():
                self._end(hand)

    def _busy(self) -> list[Hand]:
        return [hand for hand in self.hands if hand.task]

    def _give(self, waiting: deque[Task]) -> None:
        """Tasks to idle actors; where there are fewer than tasks, more are sent for."""
        for hand in self.hands:
            if waiting and hand.arrived and not hand.task:
                task = waiting.popleft()
                hand.task, hand.saying = task, hand.actor.do.remote(task)
        coming = sum(not hand.arrived for hand in self.hands)
        for _ in range(min(len(waiting) - coming, self.size - len(self.hands))):
            actor = self.kind.remote(self.hold, self.patience, self.memory)
            self.hands.append(Hand(actor, actor.arrive.remote(), time.monotonic()))

    def _end(self, hand: Hand) -> None:
        self.ray.kill(hand.actor)
        self.hands.remove(hand)

    def _speaking(self) -> Hand | None:
        """One that has said something or died; None after a second."""
        by_reference = {hand.saying: hand for hand in self.hands if hand.saying is not None}
        said, _ = self.ray.wait(list(by_reference), timeout=1.0)
        now = time.monotonic()
        if not said and all(not hand.arrived and now - hand.since > ARRIVAL for hand in self.hands):
            raise Refusal(f"the Ray cluster had no free CPU for a worker in {ARRIVAL:g} seconds; try again later")
        return by_reference[said[0]] if said else None

    def _hear(self, hand: Hand) -> tuple | Lost | None:
        """What an actor says: (answer,), Lost when it is no more, None when it only arrived."""
        try:
            kind, content = self.ray.get(hand.saying)
        except self.ray.exceptions.RayActorError as error:
            if hand.arrived:
                return Lost("its worker was gone, with the machine or for want of memory")
            why = " ".join(str(error).split())[:300]
            raise Refusal(f"a Ray actor did not start ({why}); has each machine there this package?") from None
        hand.saying = None
        if kind == READY:
            hand.arrived = True
            return None
        if kind == REFUSED:
            raise Refusal(content)
        if kind == FAILED:
            raise RuntimeError(content)
        return (content,)


@contextmanager
def connected(cpus: int) -> Iterator[ModuleType]:
    """The module `ray`, connected: as the process already is, to RAY_ADDRESS, or to a new cluster of so many CPUs.

    Raises Refusal without Ray, and when no cluster answers.
    """
    address, quiet = os.environ.get("RAY_ADDRESS"), {"log_to_driver": False, "logging_level": logging.ERROR}
    if find_spec("ray") is None:
        raise Refusal(NEEDED)
    settings = reached(address) if address else private()
    with ExitStack() as closing:
        closing.enter_context(environment(settings))
        import ray  # only now: it reads the environment once a process

        if ray.is_initialized():
            yield ray
            return
        if not address:
            logs = TemporaryDirectory(prefix="forensics-", dir=SHORT, ignore_cleanup_errors=True)
            own = {"address": "local", "num_cpus": cpus, "include_dashboard": False, "object_store_memory": STORE}
            quiet |= {**own, "_temp_dir": closing.enter_context(logs)}
        closing.callback(ray.shutdown)
        try:
            ray.init(**quiet)
        except (OSError, RuntimeError, ValueError) as error:
            where = f"RAY_ADDRESS {address}" if address else "a Ray cluster on this machine"
            why = " ".join(str(error).split())[:300]
            raise Refusal(f"{where} can't be used ({why}); without it: --engine local") from None
        yield ray


def reached(address: str) -> dict[str, str]:
    """Settings for the cluster there. Raises Refusal where nothing listens: Ray itself would try on for minutes."""
    if address in ("auto", "local"):
        return {**SILENT, **BRIEF}
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=REACH) as there:
            near = ip_address(there.getpeername()[0]).is_loopback
    except (OSError, ValueError) as error:
        raise Refusal(f"RAY_ADDRESS {address}: no cluster there ({error}); give HOST:PORT, or unset it") from None
    return {**SILENT, **BRIEF, **(LOOPBACK if near and not listens_outwards(int(port)) else {})}


def listens_outwards(port: int) -> bool:
    """Whether this machine's port is open on its outward address too, which Ray puts in place of 127.0.0.1."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            asked.connect(("192.0.2.1", 9))  # sends nothing: it only finds the way
            own = asked.getsockname()[0]
        socket.create_connection((own, port), timeout=REACH).close()
    except OSError:
        return False
    return True


def private() -> dict[str, str]:
    """Settings of a cluster that listens to the loopback alone and to whom has the token, with our modules."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**SILENT, **LOOPBACK, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token(), "PYTHONPATH": paths}


@cache
def token() -> str:
    """What the processes of a local cluster know each other by; never written down. Ray reads it once a process."""
    return secrets.token_hex(32)


def gpu_share(nodes: Sequence[Mapping[str, float]], size: int) -> float:
    """The GPUs an actor asks for, at most 1, so that `size` of them fit on these machines' resources.

    0 where a machine has none: it could take no actor that asks for a share.
    """
    gpus = [int(node.get("GPU", 0)) for node in nodes]
    if not all(gpus):
        return 0.0
    return math.floor(10_000 / math.ceil(size / sum(gpus))) / 10_000  # Ray counts in ten-thousandths
