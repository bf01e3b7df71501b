"""What came of a bulk run, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.hostile.running import Outcome

KINDS = ("verdict", "unreadable", "FAILED")


def table(outcomes: Sequence[Outcome]) -> str:
    lines = [f"{len(outcomes):,} files"]
    lines += counted("format", outcomes, lambda o: o.format)
    lines += counted("mutation", outcomes, lambda o: o.mutation)
    lines += ["", "reasons for unreadable"]
    reasons = Counter(kind_of(o.reason) for o in outcomes if o.reason)
    lines += [f"  {n:6,}  {reason}" for reason, n in reasons.most_common(25)]
    lines += ["", "slowest"] + [f"  {o.seconds:6.2f} s  {o.name}" for o in top(outcomes, lambda o: o.seconds)]
    lines += ["", "largest"] + [f"  {o.peak / 2**20:6,.0f} MiB  {o.name}" for o in top(outcomes, lambda o: o.peak)]
    failed = [o for o in outcomes if o.failure]
    lines += ["", f"failed: {len(failed)}"]
    lines += [f"  {o.name}: {o.failure}" for o in failed]
    return "\n".join(lines)


def counted(what: str, outcomes: Sequence[Outcome], of: Callable[[Outcome], str]) -> Iterator[str]:
    counts = Counter((of(o), o.kind) for o in outcomes)
    yield f"\n{what:<16}" + "".join(f"{kind:>12}" for kind in KINDS)
    for name in sorted({of(o) for o in outcomes}):
        yield f"{name:<16}" + "".join(f"{counts[name, kind]:>12,}" for kind in KINDS)


def top(outcomes: Sequence[Outcome], by: Callable[[Outcome], float], n: int = 6) -> list[Outcome]:
    return sorted(outcomes, key=by, reverse=True)[:n]


def kind_of(reason: str) -> str:
    """A reason without its numbers."""
    return "".join("#" if c.isdigit() else c for c in reason)[:90].replace("##", "#").replace("##", "#")
