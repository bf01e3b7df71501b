"""Pickles put together opcode by opcode: what no pickler would write, and an attacker would."""

from __future__ import annotations

import struct

PROTO, STOP, MARK, REDUCE, BUILD, NEWOBJ = b"\x80\x04", b".", b"(", b"R", b"b", b"\x81"
EMPTY_TUPLE, EMPTY_DICT, EMPTY_LIST, SETITEM, SETITEMS, TUPLE = b")", b"}", b"]", b"s", b"u", b"t"
TUPLE1, TUPLE2, MEMOIZE, NONE, APPENDS, EMPTY_SET, ADDITEMS = b"\x85", b"\x86", b"\x94", b"N", b"e", b"\x8f", b"\x90"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def binary(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def whole(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def named(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def called(function: bytes, *arguments: bytes) -> bytes:
    return function + MARK + b"".join(arguments) + TUPLE + REDUCE


def file(*parts: bytes) -> bytes:
    return PROTO + b"".join(parts) + STOP


def record(key: str, value: bytes) -> bytes:
    """{key: value}."""
    return EMPTY_DICT + text(key) + value + SETITEM
