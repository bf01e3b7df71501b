"""Options that a file tells of its networks, taken one by one and checked: a file may tell anything."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from forensics.refusal import Refusal
from generators.interop.pickles import one_line

FILTER = (1.0, 3.0, 3.0, 1.0)
LARGEST = 4096  # px
WIDEST = 65536  # features, labels


class Told:
    """Options by name, each taken once. `of`: what refusals call their file; of several dicts, later ones win.

    Every method raises Refusal, which says the name and the bounds, for a value that is out of them.
    """

    def __init__(self, of: str, *given: Any):
        self.of = of
        if not all(isinstance(each, Mapping) and all(isinstance(name, str) for name in each) for each in given):
            raise Refusal(f"{of} does not tell its options by name; get the file anew")
        self.given = {name: value for each in given for name, value in each.items()}

    def inner(self, name: str) -> dict[str, Any]:
        value = self.given.pop(name, None)
        return dict(Told(self.of, {} if value is None else value).given)

    def whole(self, name: str, default: int | None, least: int, most: int = WIDEST) -> int:
        value = self.given.pop(name, default)
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int or not least <= value <= most:
            raise self.odd(name, value, f"a whole number, {least} to {most}")
        return value

    def whole_or_none(self, name: str, default: int | None, least: int) -> int | None:
        if self.given.get(name, default) is None:
            self.given.pop(name, None)
            return None
        return self.whole(name, default, least)

    def number(self, name: str, default: float) -> float:
        value = self.given.pop(name, default)
        if type(value) not in (int, float) or not math.isfinite(value) or not 0 <= value < 1e6:
            raise self.odd(name, value, "a number from 0 on")
        return float(value)

    def number_or_none(self, name: str, default: float | None) -> float | None:
        if self.given.get(name, default) is None:
            self.given.pop(name, None)
            return None
        return self.number(name, default or 0)

    def one_of(self, name: str, default: Any, allowed: Collection[Any]) -> Any:
        value = self.given.pop(name, default)
        if not isinstance(value, (str, bool)) or value not in allowed:
            raise self.odd(name, value, f"one of {', '.join(map(str, allowed))}")
        return value

    def taps(self, name: str) -> tuple[float, ...]:
        value = self.given.pop(name, FILTER)
        sound = isinstance(value, (list, tuple)) and 1 <= len(value) <= 32
        if not sound or not all(type(v) in (int, float) and abs(v) < 1e6 for v in value) or not sum(value):
            raise self.odd(name, value, "1 to 32 numbers that do not sum to 0")
        return tuple(float(v) for v in value)

    def resolution(self, name: str, default: int | None = None) -> int:
        value = self.whole(name, default, 8, LARGEST)
        if value & (value - 1):
            raise self.odd(name, value, "a power of two")
        return value

    def drop(self, *names: str) -> None:
        for name in names:
            self.given.pop(name, None)

    def done(self) -> None:
        """Nothing is left that might change a network."""
        if left := sorted(self.given):
            raise Refusal(f"{self.of} was built with {one_line(', '.join(left[:3]))}, which no network here has")

    def odd(self, name: str, value: Any, bound: str) -> Refusal:
        what = (
            one_line(repr(value), 40)
            if isinstance(value, (str, int, float, type(None)))
            else f"a {type(value).__name__}"
        )
        return Refusal(f"{self.of} tells {name} {what}: must be {bound}")
