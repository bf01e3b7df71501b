"""The measured rows as tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.kernels.aims import SHARE, TRAINING, Row, aims_table, share
from benchmarks.kernels.attempts import Failed
from benchmarks.kernels.correctness import Checked
from benchmarks.kernels.networks import TWINS, Apart, Sampled
from benchmarks.kernels.op_times import Copied, Taken, Timed
from benchmarks.kernels.training import Taught
from benchmarks.medians import rate, times
from benchmarks.table import Cell, Column, Measure, Table
from generators.ops.checkup import MOST

NO_GPU = "twin (no GPU)"
PUBLISHED = {1024: 90.0, 256: 12.5}  # seconds for 1000 images: StyleGAN3's code, StyleGAN2, one A100
MICRO = 1e6


def tables_of(rows: Sequence[Row], gpu: bool, judged: bool) -> tuple[Table, ...]:
    """Those that have rows; the aims are always there."""
    made = (correctness(rows, gpu), ops(rows, gpu), networks(rows), pictures(rows), training(rows))
    return (aims_table(rows, judged), *(table for table in made if table.rows))


def correctness(rows: Sequence[Row], gpu: bool) -> Table:
    found = [row for row in rows if isinstance(row, Checked)]
    columns = (
        Column("kernel"),
        Column("type"),
        Column("layout"),
        Column("roundings", about=f"the most; at most {MOST} is sound"),
    )
    cells = tuple((row.kernel, row.dtype, row.layout, cell(row.roundings)) for row in found)
    what = "each kernel" if gpu else f"{NO_GPU}: the twin in the type, no kernel,"
    note = (
        f"Largest difference of {what} from its twin in float64: values, gradients by the input, gradients of those; "
        "all cases and shapes of generators/ops/checkup.py and, unless small, three more, and one with more elements "
        "than threads (float32)."
    )
    return Table("correctness", "Correctness", columns, cells, (note,))


def ops(rows: Sequence[Row], gpu: bool) -> Table:
    kernel = "kernel" if gpu else NO_GPU
    copied = next((row.rate for row in rows if isinstance(row, Copied)), Failed("not measured"))
    columns = (
        Column("op"),
        Column("tensor", "MiB", "the larger of input and output, about"),
        Column("type"),
        Column("layout"),
        Column("floor", "µs", "fewest bytes (each input once, each output once) over copy bandwidth"),
        Column(kernel, "µs", "median with 95 % interval"),
        Column("twin", "µs", "the same of the plain twin"),
        Column("speed", "GB/s", f"fewest bytes over the time of: {kernel}"),
        Column("share", "%", f"of copy bandwidth; aim: {SHARE:.0%} where one launch does it all"),
        Column("times the twin"),
    )
    cells = tuple(op(row, copied) for row in rows if isinstance(row, Timed))
    if isinstance(copied, Measure):
        note = f"Copy bandwidth: {times(copied, 1e-9)} GB/s, read and written, measured in this run."
    else:
        note = f"Copy bandwidth: {copied}."
    sums = "'bias too' and 'all inputs' end in PyTorch's sums: more passes over memory than one launch makes."
    return Table("ops", "Operations", columns, cells, (note, sums))


def op(row: Timed, copied: Measure | Failed) -> tuple[Cell, ...]:
    part, known = share(row, copied), isinstance(row.kernel, Taken)
    moved = next((each.moved for each in (row.kernel, row.twin) if isinstance(each, Taken)), None)
    floor = moved / copied.value * MICRO if moved and isinstance(copied, Measure) else None
    gained = row.twin.took.value / row.kernel.took.value if known and isinstance(row.twin, Taken) else None
    return (
        row.case.name,
        round(row.size / 2**20, 3),
        row.dtype,
        row.layout,
        floor,
        times(row.kernel.took, MICRO) if known else str(row.kernel),
        times(row.twin.took, MICRO) if isinstance(row.twin, Taken) else str(row.twin),
        rate(row.kernel.took, row.kernel.moved / 1e9) if known else None,
        None if isinstance(part, Failed) else part * 100,
        gained,
    )


def networks(rows: Sequence[Row]) -> Table:
    columns = (
        Column("StyleGAN2, preset"),
        Column("at once"),
        Column("precision"),
        Column("layout"),
        Column("way"),
        Column("speed", "pictures/s", "each call waited for; median with 95 % interval"),
        Column("times the twins", about="eager, of the same row"),
    )
    found = [row for row in rows if isinstance(row, Sampled)]
    keys = [(row.network, row.batch, row.precision, row.layout) for row in found]
    twins = {key: row.took for key, row in zip(keys, found, strict=True) if row.way == TWINS}
    cells = []
    for key, row in zip(keys, found, strict=True):
        known, other = isinstance(row.took, Measure), twins.get(key)
        speed = rate(row.took, row.batch) if known else str(row.took)
        gained = other.value / row.took.value if known and isinstance(other, Measure) else None
        cells.append((*key, row.way, speed, gained))
    note = "Whole networks from z to pictures, random weights, constant noise. fp32: as PyTorch ships, see the stamp."
    return Table("networks", "Making pictures", columns, tuple(cells), (note,))


def pictures(rows: Sequence[Row]) -> Table:
    columns = (
        Column("StyleGAN2, preset"),
        Column("way"),
        Column("precision"),
        Column("difference", about="‖pictures − truth‖ / ‖truth‖; truth: the twins' in float32 without TF32"),
    )
    found = [row for row in rows if isinstance(row, Apart)]
    cells = tuple((row.network, row.way, row.precision, small(row.relative)) for row in found)
    return Table("pictures", "How far pictures are apart", columns, cells)


def training(rows: Sequence[Row]) -> Table:
    columns = (
        Column("family, preset"),
        Column("batch"),
        Column("precision"),
        Column("way"),
        Column("time", "s per 1000 images"),
        Column("times the twins", about=f"aim: {TRAINING:g}"),
        Column("published", "s per 1000 images", "of that size, by StyleGAN3's code on one A100: another card"),
    )
    found = [row for row in rows if isinstance(row, Taught)]
    twins = {(row.student, row.precision): row.seconds for row in found if row.way == TWINS}
    cells = []
    for row in found:
        other, known = twins.get((row.student, row.precision)), isinstance(row.seconds, float)
        gained = other / row.seconds if known and isinstance(other, float) else None
        published = PUBLISHED.get(row.side)
        cells.append((row.student, row.batch, row.precision, row.way, cell(row.seconds), gained, published))
    note = "All phases and the optimisers' steps, R1 and path lengths by their share; ADA at p = 0.5; random weights."
    return Table("training", "Learning from pictures", columns, tuple(cells), (note,))


def cell(found: float | Failed) -> Cell:
    return str(found) if isinstance(found, Failed) else found


def small(found: float | Failed) -> Cell:
    """Of numbers far below 1."""
    return str(found) if isinstance(found, Failed) else f"{found:.1e}"
