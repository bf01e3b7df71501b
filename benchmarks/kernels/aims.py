"""What the kernels are to reach, and whether they did: told from the measured rows, on a GPU alone.

An aim that was not measured is not met, and says so; a row that failed counts against its aim.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.kernels.attempts import Failed
from benchmarks.kernels.correctness import LAYOUTS, Checked
from benchmarks.kernels.networks import GRAPH, KERNELS, TWINS, Apart, Sampled
from benchmarks.kernels.op_times import Copied, Timed
from benchmarks.kernels.training import Taught
from benchmarks.table import Column, Measure, Table
from generators.ops.checkup import MOST

SHARE = 0.8  # of copy bandwidth
SAMPLING = {1: 4.0, 32: 2.0}  # times as fast as the twins, by pictures at once
SAMPLED_SIDE = 256  # px
TRAINING = 1.5  # times as fast as the twins
HALVES = 1e-2  # of float32, what bfloat16 may differ

Row = Checked | Copied | Timed | Sampled | Apart | Taught


@dataclass(frozen=True)
class Aim:
    """`measured` is None where nothing was; `least`: it has to be at least `wanted`, else at most."""

    name: str
    of: str
    measured: float | None
    wanted: float
    least: bool = True
    failed: int = 0  # rows without a figure

    @property
    def met(self) -> bool:
        if self.measured is None or self.failed:
            return False
        return self.measured >= self.wanted if self.least else self.measured <= self.wanted

    def verdict(self, judged: bool) -> str:
        if not judged:
            return "not judged"
        if self.measured is None:
            return "not measured"
        return ("yes" if self.met else "no") + (f" ({self.failed} failed)" if self.failed else "")


def aims_of(rows: Sequence[Row]) -> tuple[Aim, ...]:
    """All aims that these rows have something to say of."""
    return (*exact(rows), *quick(rows), *sampling(rows), *training(rows), *close(rows))


def aims_table(rows: Sequence[Row], judged: bool) -> Table:
    """`judged`: kernels ran, on large tensors."""
    columns = (
        Column("aim"),
        Column("of"),
        Column("measured"),
        Column("wanted"),
        Column("met", about="whether the measured figure is; a row that failed counts as a miss"),
    )
    told = []
    for aim in aims_of(rows):
        wanted = f"at {'least' if aim.least else 'most'} {aim.wanted:g}"
        told.append((aim.name, aim.of, aim.measured, wanted, aim.verdict(judged)))
    notes = () if judged else ("Aims are for large tensors on a GPU: here none is judged.",)
    return Table("aims", "Aims", columns, tuple(told), notes)


def exact(rows: Iterable[Row]) -> Iterator[Aim]:
    found = [row for row in rows if isinstance(row, Checked)]
    for kernel in dict.fromkeys(row.kernel for row in found):
        figures = {f"{row.dtype} {row.layout}": row.roundings for row in found if row.kernel == kernel}
        yield worst("roundings from the twin in float64", kernel, figures, float(MOST), least=False)


def quick(rows: Iterable[Row]) -> Iterator[Aim]:
    """Each kernel on the largest tensors: the worst of types and layouts."""
    rows = list(rows)
    copied = next((row.rate for row in rows if isinstance(row, Copied)), Failed("not measured"))
    found = [row for row in rows if isinstance(row, Timed) and row.case.alone]
    largest = max((row.size for row in found), default=0)
    for name in dict.fromkeys(row.case.name for row in found):
        mine = [row for row in found if row.case.name == name and row.size == largest]
        yield worst("share of copy bandwidth", name, {f"{r.dtype} {r.layout}": share(r, copied) for r in mine}, SHARE)


def share(row: Timed, copied: Measure | Failed) -> float | Failed:
    """Of copy bandwidth, that the kernel moves its fewest bytes at."""
    if isinstance(copied, Failed):
        return copied
    return row.kernel if isinstance(row.kernel, Failed) else row.kernel.moved / row.kernel.took.value / copied.value


def sampling(rows: Iterable[Row]) -> Iterator[Aim]:
    """At 256 px, as the project lays tensors out; the quicker of kernels and of kernels in a CUDA graph."""
    found = [row for row in rows if isinstance(row, Sampled) and row.layout == LAYOUTS[0]]
    found = [row for row in found if row.side == SAMPLED_SIDE and row.batch in SAMPLING]
    for at in dict.fromkeys((row.network, row.batch, row.precision) for row in found):
        took = {row.way: row.took for row in found if (row.network, row.batch, row.precision) == at}
        of = f"{at[0]}, {at[1]} at once, {at[2]}"
        ours = {way: took[way] for way in (KERNELS, GRAPH) if isinstance(took.get(way), Measure)}
        twins = took.get(TWINS)
        if not ours or not isinstance(twins, Measure):
            yield Aim("sampling, times the twins", of, None, SAMPLING[at[1]])
            continue
        best = min(ours, key=lambda way: ours[way].value)
        gained = twins.value / ours[best].value
        yield Aim("sampling, times the twins", f"{of}: {best}", gained, SAMPLING[at[1]])


def training(rows: Iterable[Row]) -> Iterator[Aim]:
    found = [row for row in rows if isinstance(row, Taught)]
    for at in dict.fromkeys((row.student, row.precision) for row in found):
        took = {row.way: row.seconds for row in found if (row.student, row.precision) == at}
        ours, twins = took.get(KERNELS), took.get(TWINS)
        gained = twins / ours if isinstance(ours, float) and isinstance(twins, float) else None
        yield Aim("training, times the twins", ", ".join(at), gained, TRAINING)


def close(rows: Iterable[Row]) -> Iterator[Aim]:
    for row in rows:
        if isinstance(row, Apart) and row.way == KERNELS and row.precision == "bf16":
            measured = None if isinstance(row.relative, Failed) else row.relative
            yield Aim("bf16 from fp32, relative", row.network, measured, HALVES, least=False)


def worst(name: str, of: str, figures: Mapping[str, float | Failed], wanted: float, least: bool = True) -> Aim:
    """The aim held against the worst of these, which is named."""
    known = {where: figure for where, figure in figures.items() if not isinstance(figure, Failed)}
    if not known:
        return Aim(name, of, None, wanted, least, len(figures))
    at = (min if least else max)(known, key=lambda where: known[where])
    return Aim(name, f"{of}; worst: {at}", known[at], wanted, least, len(figures) - len(known))
