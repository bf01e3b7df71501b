"""A pickle, read as a document: nothing that it names is imported, and nothing is called.

Python's unpickler is a machine that calls whatever a file tells it to. A subclass of it with a list of allowed
names still calls those, with the file's arguments, sets attributes on whatever lies on its stack, and reserves
the memory that a length or a memo index asks for. This one has the same stack and memo, but a call becomes a
`Call`, which is data: the name, the arguments, the state. What a `Call` means is for its reader to say
(arrays.py, nvidia.py, tensorflow.py), and a name that no reader knows is refused here.

Bounds: the file's bytes, opcodes (with those of pickles inside it: one `Budget`), open marks, digits of a number.
Nothing is reserved by what a file says of itself, and each opcode costs a bounded time: keys are words and
numbers, for hashing a nested tuple can take for ever.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from forensics.refusal import Refusal

MOST_BYTES = 4 * 2**30  # of a file; the largest that are published have 0.4
MOST_OPCODES = 400_000  # of a file with all pickles in it; published ones have under 100,000
MOST_MARKS = 200  # lists in lists that are open at once
MOST_INT_BITS = 128

# Plain containers under their own names; they are built, from nothing, as a dict or a set.
DICTS = frozenset({"collections.OrderedDict", "dnnlib.util.EasyDict", "dnnlib.EasyDict"})
SETS = frozenset({"builtins.set", "__builtin__.set"})
BYTES = "_codecs.encode"  # how Python 3 writes bytes for Python 2


@dataclass(frozen=True, slots=True)
class Name:
    """A global that a file names and that is allowed, e.g. "numpy.dtype". It is not looked up."""

    path: str


@dataclass(slots=True, eq=False)
class Call:
    """What a file would have called, and was not: `name`(*`args`), then given `state`."""

    name: str
    args: tuple[Any, ...]
    state: Any = None


@dataclass(slots=True, eq=False)
class Stored:
    """A storage beside a pickle, of an archive of torch: ("storage", type, key, device, numbers, ...)."""

    told: tuple[Any, ...]


@dataclass
class Budget:
    """What is left for a file and all pickles in it, so that a payload that is named often costs each time."""

    room: int  # bytes that may be made of text: no more than the file has
    opcodes: int = MOST_OPCODES

    def spend(self, n: int, of: str, room: int = 0) -> None:
        """Raises Refusal when nothing is left."""
        self.opcodes -= n
        self.room -= room
        if self.opcodes < 0:
            raise Refusal(f"{of} asks for more than {MOST_OPCODES:,} steps, many more than a checkpoint needs")
        if self.room < 0:
            raise Refusal(f"{of} asks for more bytes than it has, which no checkpoint does")


@dataclass
class Document:
    """What a pickle says: its value, of plain Python and `Call`s; all calls and storages, in the file's order."""

    value: Any
    calls: list[Call]
    stored: list[Stored]


def file_bytes(path: Path) -> bytes:
    """Raises Refusal for what cannot be read and for more than MOST_BYTES."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Refusal(f"{path} has {size:,} bytes; checkpoints of up to {MOST_BYTES:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise Refusal(f"{path} cannot be read ({error.strerror})") from None


def read(stream: BytesIO, of: str, allowed: frozenset[str], budget: Budget, storages: bool = False) -> Document:
    """The pickle that starts here; the stream then stands behind it.

    `of`: what refusals call it; `allowed`: globals that it may name, beside plain containers; `storages`: it may
    refer to storages beside it, as archives of torch do. Raises Refusal for any other name, and for what is
    damaged, cut short or larger than the bounds.
    """
    machine = Machine(of, allowed | DICTS | SETS | {BYTES}, budget, storages)
    for name, argument in opcodes(stream, of, budget):
        if name == "STOP":
            return Document(machine.pop(), machine.calls, machine.stored)
        machine.step(name, argument)
    raise Refusal(f"{of} is cut short; get the file anew")  # genops raises first; this is for the reader


def opcodes(stream: BytesIO, of: str, budget: Budget) -> Iterator[tuple[str, Any]]:
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            budget.spend(1, of)
            yield opcode.name, argument
    except Refusal:
        raise
    except (ValueError, OverflowError, MemoryError, struct.error) as error:
        raise Refusal(f"{of} is damaged or cut short ({one_line(error)}); get the file anew") from None


class Machine:
    """The stack and the memo."""

    def __init__(self, of: str, allowed: frozenset[str], budget: Budget, storages: bool):
        self.of, self.allowed, self.budget, self.storages = of, allowed, budget, storages
        self.stack: list[Any] = []
        self.marks: list[int] = []  # heights of the stack
        self.memo: dict[int, Any] = {}  # a dict, so that an index reserves nothing
        self.calls: list[Call] = []
        self.stored: list[Stored] = []

    def step(self, name: str, argument: Any) -> None:
        """One opcode. Those that push their argument are the last case."""
        match name:
            case "BINGET" | "LONG_BINGET" | "GET":
                if argument not in self.memo:
                    raise self.damaged(f"memo {argument} is empty")
                self.stack.append(self.memo[argument])
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top()
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[argument] = self.top()
            case "MARK":
                self.marks.append(len(self.stack))
                if len(self.marks) > MOST_MARKS:
                    raise Refusal(f"{self.of} is nested more than {MOST_MARKS} deep, which no checkpoint is")
            case "POP":
                if self.marks and self.marks[-1] == len(self.stack):
                    self.marks.pop()
                else:
                    self.pop()
            case "POP_MARK":
                self.since_mark()
            case "EMPTY_TUPLE":
                self.stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                self.stack.append(tuple(reversed([self.pop() for _ in range(int(name[-1]))])))
            case "TUPLE":
                self.stack.append(tuple(self.since_mark()))
            case "EMPTY_LIST":
                self.stack.append([])
            case "LIST":
                self.stack.append(self.since_mark())
            case "APPEND" | "APPENDS":
                items = self.since_mark() if name == "APPENDS" else [self.pop()]
                self.top(list).extend(items)
            case "EMPTY_DICT":
                self.stack.append({})
            case "DICT":
                made = {}
                self.fill(made, self.since_mark())
                self.stack.append(made)
            case "SETITEM" | "SETITEMS":
                items = self.since_mark() if name == "SETITEMS" else [self.pop(), self.pop()][::-1]
                self.fill(self.top(dict), items)
            case "EMPTY_SET":
                self.stack.append(set())
            case "ADDITEMS":
                items = self.since_mark()
                self.top(set).update(map(self.key, items))
            case "GLOBAL" | "INST":
                self.stack.append(self.allow(*argument.split(" ", 1)))
                if name == "INST":
                    raise self.damaged("opcode INST has not been written since 2001")
            case "STACK_GLOBAL":
                attribute, module = self.pop(), self.pop()
                if not (isinstance(module, str) and isinstance(attribute, str)):
                    raise self.damaged("a name is no text")
                self.stack.append(self.allow(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments, what = self.pop(), self.pop()
                self.stack.append(self.called(what, arguments))
            case "BUILD":
                state = self.pop()
                made = self.top()
                if isinstance(made, Call):
                    made.state = state
                elif not isinstance(made, dict):  # what an OrderedDict carries beside its items is left away
                    raise self.damaged(f"a {type(made).__name__} is given a state")
            case "BINPERSID" if self.storages:
                told = self.pop()
                if not isinstance(told, tuple):
                    raise self.damaged("a storage is not told as it should be")
                self.stored.append(Stored(told))
                self.stack.append(self.stored[-1])
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                self.stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "PROTO" | "FRAME":
                pass
            case _ if name in LITERALS:
                if isinstance(argument, int) and argument.bit_length() > MOST_INT_BITS:
                    raise self.damaged(f"a number of {argument.bit_length():,} bits")
                self.stack.append(argument)
            case _:
                raise Refusal(f"{self.of} uses the pickle opcode {name}, which no checkpoint needs")

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.damaged("its stack is empty")
        return self.stack.pop()

    def top(self, kind: type = object) -> Any:
        value = self.pop()
        if not isinstance(value, kind):
            raise self.damaged(f"a {type(value).__name__} is filled as a {kind.__name__}")
        self.stack.append(value)
        return value

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise self.damaged("a mark is missing")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def key(self, value: Any) -> Any:
        if value is None or isinstance(value, (str, int, float)):
            return value
        raise self.damaged(f"a {type(value).__name__} is used as a key")

    def fill(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise self.damaged("a key has no value")
        target.update(zip(map(self.key, items[::2]), items[1::2], strict=True))

    def allow(self, module: str, attribute: str) -> Name:
        name = f"{module}.{attribute}"
        if name not in self.allowed:
            raise Refusal(
                f"{self.of} asks for {one_line(name)}, which no checkpoint of these formats needs; it was not run, "
                "and the file is not read: do not trust it"
            )
        return Name(name)

    def called(self, what: Any, arguments: Any) -> Any:
        """What stands for a call."""
        if not (isinstance(what, Name) and isinstance(arguments, tuple)):
            raise self.damaged(f"a {type(what).__name__} is called")
        match what.path, arguments:
            case path, () if path in DICTS:
                return {}
            case path, () if path in SETS:
                return set()
            case path, (list(items),) if path in SETS:
                self.budget.spend(len(items), self.of)  # the list may be one that is named often
                return {self.key(item) for item in items}
            case path, (str(text), "latin1") if path == BYTES and max(text, default="") <= "\xff":
                self.budget.spend(1, self.of, len(text))
                return text.encode("latin1")
            case path, _ if path in DICTS or path in SETS or path == BYTES:
                raise self.damaged(f"{path} is called with arguments that it never has")
        self.calls.append(Call(what.path, arguments))
        return self.calls[-1]

    def damaged(self, why: str) -> Refusal:
        return Refusal(f"{self.of} is no sound pickle ({why}); get the file anew")


LITERALS = frozenset(
    "BININT1 BININT BININT2 SHORT_BINUNICODE BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BINFLOAT "
    "INT LONG LONG1 LONG4 FLOAT UNICODE STRING BINSTRING SHORT_BINSTRING".split()
)


def one_line(what: object, most: int = 120) -> str:
    """What a file or a library says, fit for a line on the screen."""
    text = " ".join("".join(c if c.isprintable() else " " for c in str(what)[: 4 * most]).split())
    return text[:most] + ("…" if len(text) > most else "")
