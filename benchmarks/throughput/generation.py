"""How many pictures a second does each family make, and learn from, and in how much memory?

Each row is a fresh process, so that its peak memory is its own. Families of 1024x1024 pictures are sampled at
their default preset; a training step on a CPU is timed at their preset for 256x256. Where a family has a plain
twin (StyleGAN2: each sample's weights in one grouped convolution, as in the paper's equations), the twin is
timed beside it, and how far apart their pictures are.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, get_args

from benchmarks.table import Column, Table
from forensics.places import HOUSE
from forensics.refusal import Refusal

PIXELS = {"cpu": 2**16, "cuda": 2**21}  # in one batch, about; at least `FEWEST` pictures when training
FEWEST = 2
LARGEST_TAUGHT = 256  # px: larger ones take minutes a step on a CPU
TWIN = "256"  # preset of StyleGAN2 whose ways are compared: 256x256, channel_base 16384
HALF = 0.5
AIM = 2.0  # times as fast as the twin
MOST_CALLS = 100


@dataclass(frozen=True)
class Job:
    """What one process times. `ways`: the twin and its rivals instead of sampling and training.

    `precision`, fp32, bf16 or fp16, is that of training; `graphs`: its launches replayed on a GPU.
    """

    family: str
    preset: str
    device: str = "cpu"
    seconds: float = 2.0
    ways: bool = False
    precision: str = "fp32"
    graphs: bool = False


def tables(
    seconds: float = 2.0,
    device: str = "cpu",
    watch: Callable[[str], None] = lambda doing: None,
    families: tuple[str, ...] | None = None,
) -> tuple[Table, ...]:
    """Time every family (or those named) for about `seconds` a figure. watch(doing) is told what is being timed."""
    made, taught = [], []
    for job in jobs(seconds, device, families):
        name = f"{job.family} {job.preset}"
        watch(name)
        found = in_own_process(job)
        keys = ("size", "at once", "made", "memory making")
        made.append((name, found.get("parameters"), *map(found.get, keys)))
        if "taught" in found:
            taught.append((name, *map(found.get, ("size", "batch", "taught", "memory training"))))
    note = f"Random weights, float32, {device}; medians over about {seconds:g} s each."
    one, speed, size = Column("family, preset"), Column("pictures/s"), Column("size", "px")
    memory = Column("memory", "MB", "peak of a process that does this, torch (about 300 MB) included")
    millions = Column("M parameters", about="of the generator; autoencoders with both halves")
    columns = (one, millions, size, Column("at once"), speed, memory)
    tables = [Table("sampling", "Making pictures", columns, tuple(made), (note,))]
    phases = "All phases and the optimisers' steps, lazy phases by their share; ADA at p = 0.5."
    columns = (one, size, Column("batch"), speed, memory)
    tables.append(Table("training", "Learning from pictures", columns, tuple(taught), (note, phases)))
    if families is None or "stylegan2" in families:
        watch("stylegan2, ways")
        found = in_own_process(Job("stylegan2", TWIN, device, seconds, ways=True))
        tables.append(ways_table(found["ways"], device))
    return tuple(tables)


def ways_table(found: list[dict[str, Any]], device: str) -> Table:
    columns = (
        Column("way"),
        Column("at once"),
        Column("pictures/s"),
        Column("times the twin", about=f"of the same pictures at once; aim: {AIM:g}, by what `sample` does (auto)"),
        Column("off by", about="largest difference from the twin's pictures, which span about [-1, 1]; float32"),
    )
    twins = {row["at once"]: row["made"] for row in found if row["way"] == "literal" and not row["last"]}
    rows = []
    for row in found:
        twin = row["way"] == "literal" and not row["last"]
        name = f"{row['way']}, {'channels last' if row['last'] else 'contiguous'}{' (twin)' if twin else ''}"
        times = row["made"] / twins[row["at once"]]
        rows.append((name, row["at once"], row["made"], times, f"{row['difference']:.1e}"))
    notes = (f"StyleGAN2, 256x256, channel_base 16384, random weights, {device}.",)
    return Table("ways", "Ways to compute StyleGAN2's pictures", columns, tuple(rows), notes)


def jobs(seconds: float, device: str, families: tuple[str, ...] | None = None) -> Iterator[Job]:
    """Each family at its default preset, at 256 px where that is larger, and at what ships."""
    from generators import FAMILIES

    for kind in FAMILIES:
        if families is not None and kind.name not in families:
            continue
        default, config = next(iter(kind.presets.items()))
        smaller = ["256"] if config.resolution > LARGEST_TAUGHT else []
        for preset in dict.fromkeys([default, *smaller, "faces"]):
            if preset in kind.presets:
                yield Job(kind.name, preset, device, seconds)


def in_own_process(job: Job) -> dict[str, Any]:
    """What `timed` finds, by a new process. Raises Refusal when that fails."""
    command = [sys.executable, "-m", "benchmarks.throughput.generation", json.dumps(asdict(job))]
    done = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise Refusal(f"timing {job.family} at preset {job.preset} failed ({said[:300]})")
    return json.loads(done.stdout)


def timed(job: Job) -> dict[str, Any]:
    """Figures of one family and preset, in this process."""
    import torch

    from generators.family import family_named, preset_named

    torch.manual_seed(0)
    kind = family_named(job.family)
    _, config = preset_named(kind, job.preset)
    layout = torch.channels_last if job.device == "cpu" else torch.contiguous_format
    family = kind(config).to(job.device, memory_format=layout)
    family.advance(10**15)  # grown to its full size
    if job.ways:
        return {"ways": list(ways(family, job))}
    high, wide = family.size
    most = max(1, PIXELS[job.device] // (high * wide))
    found: dict[str, Any] = {
        "size": f"{wide}x{high}",
        "parameters": round(sum(p.numel() for p in family.generator.parameters()) / 1e6, 2),
        "at once": most,
    }
    labels = label_rows(family, most)
    z = family.draw(most).to(job.device)

    @torch.inference_mode()
    def make() -> None:
        family.sample(z, labels)

    found["made"] = most / seconds_of(make, job)
    found["memory making"] = peak_memory(job.device)
    if max(family.size) <= LARGEST_TAUGHT or job.device == "cuda":
        found["batch"] = max(most, FEWEST)
        found["taught"] = taught(family, found["batch"], job)
        found["memory training"] = peak_memory(job.device)
    return found


def taught(family, n: int, job: Job) -> float:
    """Pictures a second of training: a step's phases, each by how often it is taken, and the average's step.

    Raises RuntimeError where graphs are asked for and a phase cannot be recorded.
    """
    import torch

    from generators.descent import learner_name, optimisers_of
    from generators.family import Batch
    from generators.replay import WARM

    high, wide = family.size
    images = torch.rand(n, getattr(family.config, "channels", 3), high, wide) * 2 - 1
    layout = torch.channels_last if job.device == "cpu" else torch.contiguous_format
    batch = Batch(images.to(job.device, memory_format=layout), label_rows(family, n))
    if hasattr(family, "strength"):
        family.strength.p.fill_(HALF)  # of ADA: augmentations cost what they cost in the midst of a training
    phases = family.phases()
    optimisers = optimisers_of(family, phases, job.precision, job.graphs)
    total = seconds_of(lambda: family.follow(0.99), job)
    for phase in phases:
        family.requires_grad_(False)
        phase.learner.requires_grad_(True)
        optimiser = optimisers[learner_name(family, phase.learner)]

        def descend(phase=phase, optimiser=optimiser) -> None:
            optimiser.learn(phase, batch)
            optimiser.descend()

        for _ in range(WARM + 1 if job.graphs else 0):
            descend()
        total += seconds_of(descend, job) / phase.every
        if any(replay.off for replay in optimiser.replays.values()):
            raise RuntimeError("the CUDA graph could not be recorded")
    return n / total


def ways(family, job: Job) -> Iterator[dict[str, Any]]:
    """Each way, in both memory formats, for 1 picture and for several."""
    import torch

    from generators.ops.modulated_conv import Way

    network = family.average
    for several in (1, 4):
        z = family.draw(several, torch.Generator().manual_seed(0)).to(job.device)
        with torch.inference_mode():
            truth = network.to(memory_format=torch.contiguous_format)(z, way="literal")
        for way in sorted(get_args(Way), key="literal".__ne__):
            for last in (False, True):
                network.to(memory_format=torch.channels_last if last else torch.contiguous_format)

                @torch.inference_mode()
                def make(z=z, way=way):
                    return network(z, way=way)

                difference = float((make() - truth).abs().max())
                made = several / seconds_of(make, job)
                yield {"way": way, "last": last, "at once": several, "made": made, "difference": difference}


def label_rows(family, n: int):
    """(n, K) one-hot rows for a conditional family, else None."""
    import torch

    classes = getattr(family.config, "labels", 0)
    where = next(family.parameters()).device
    return torch.eye(classes, device=where)[torch.arange(n) % classes] if classes else None


def seconds_of(call: Callable[[], object], job: Job) -> float:
    """Median of a call, timed for about `job.seconds`. The first, which allocates, counts only if it takes longer."""
    import torch

    wait = torch.cuda.synchronize if job.device == "cuda" else lambda: None

    def once() -> float:
        wait()
        start = time.perf_counter()
        call()
        wait()
        return time.perf_counter() - start

    first = once()
    if first > job.seconds:
        return first
    taken: list[float] = []
    while sum(taken) < job.seconds and len(taken) < MOST_CALLS:
        taken.append(once())
    return median(taken)


def peak_memory(device: str) -> int:
    """MB: of the GPU's memory that torch held, or of this process's resident memory."""
    if device == "cuda":
        import torch

        return round(torch.cuda.max_memory_allocated() / 2**20)
    try:  # not getrusage: on Linux that begins with the peak of the process that started this one
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)
    except (OSError, StopIteration):
        import resource

        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)  # bytes on macOS


if __name__ == "__main__":
    sys.stdout.write(json.dumps(timed(Job(**json.loads(sys.argv[1])))))
