"""Changes of single settings: NAME=VALUE, read as the setting's own type says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from forensics.refusal import Refusal
from generators.family import did_you_mean

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def changed(config: Any, changes: Sequence[str]) -> Any:
    """A family's config with some settings changed, e.g. ("freeze_d=4", "start=4,3", "cap=none").

    Raises Refusal for a setting that it has not, and for a value that the setting cannot have.
    """
    hints = get_type_hints(type(config))
    values = {}
    for change in changes:
        name, equals, word = change.partition("=")
        if not equals:
            raise Refusal(f"--set {change}: must be NAME=VALUE; names: {', '.join(hints)}")
        if name == "labels":
            raise Refusal("--set labels: the photos' classes decide; use --cond or --no-cond")
        if name not in hints:
            raise Refusal(f"--set {change}: no such setting; known: {', '.join(hints)}{did_you_mean(name, hints)}")
        try:
            values[name] = parsed(word.strip(), hints[name])
        except ValueError as reason:
            raise Refusal(f"--set {change}: {reason}") from None
    try:
        return replace(config, **values)
    except (ValueError, OverflowError) as reason:
        raise Refusal(f"--set {' --set '.join(changes)}: {reason}") from None


def parsed(word: str, kind: Any) -> Any:
    """A word as a value of a type: numbers, text, one of several words, yes or no, none, a list with commas.

    Raises ValueError that says what is allowed.
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (kind,) = (arg for arg in args if arg is not NoneType)
        return None if word.lower() == "none" else parsed(word, kind)
    if origin is Literal:
        if word not in args:
            raise ValueError(f"must be one of {', '.join(map(str, args))}")
        return word
    if origin is tuple:
        parts = word.split(",")
        kinds = args[:1] * len(parts) if args[-1] is Ellipsis else args
        if len(parts) != len(kinds):
            raise ValueError(f"must be {len(kinds)} values with commas between them")
        return tuple(parsed(part.strip(), each) for part, each in zip(parts, kinds, strict=True))
    if kind is bool:
        if word.lower() not in WORDS:
            raise ValueError("must be yes or no")
        return WORDS[word.lower()]
    if kind not in (int, float, str):
        raise ValueError("cannot be set from outside")
    try:
        return kind(word)
    except ValueError:
        raise ValueError(f"must be {'a whole number' if kind is int else 'a number'}") from None
