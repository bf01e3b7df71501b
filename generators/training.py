"""The one loop for all families: steps, averages, progress, pictures on the way, exact resume.

A step's randomness and the order of photos are functions of the run's seed and of where it stands: a run
that stopped and went on equals one that never stopped, bit for bit on the CPU with the same number of threads.
Several processes under `torchrun` equal one, to rounding.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from forensics.corpus import Corpus
from forensics.interrupt import patient_interrupt
from forensics.refusal import Refusal
from generators import snapshots
from generators.changes import changed
from generators.descent import optimisers_of
from generators.family import Family, family_named, preset_named
from generators.keeping import Keeper
from generators.labels import labels_of
from generators.photos import Photos, decode
from generators.plan import PHOTOS, Plan, check_free, check_same, settle_config
from generators.ranks import rank, world
from generators.snapshots import Place
from generators.source import corpus_at
from generators.step import step
from generators.together import joined, refuse_strangers, sum_measures
from generators.transfer import transfer
from generators.watching import Watch

MOST_NUMBERS = 2_000_000_000  # weights: 30 times StyleGAN2's at 1024x1024; more was hardly meant


def train(plan: Plan, out: Path, device: str = "auto", graphs: bool = False) -> Path:
    """Train a family into the folder `out`, or go on where an earlier call with `out` stopped.

    `graphs`: replay recorded launches where that can be done: on one GPU, by families that are `replayable`.

    `out` gets config.json, log.jsonl, TensorBoard's files, samples/*.png and snapshots/*.safetensors. Returns
    the last snapshot. Ctrl-C finishes the step, saves and raises KeyboardInterrupt. Raises Refusal for a bad
    plan, when `out` holds a run of another plan, and when training diverges.
    """
    with joined(device_named(device)) as where:
        plan.check_divides()
        preset, config, corpus = settled(plan)
        check_free(out)
        with Watch(out, shown=rank() == 0) as watch:
            family = built(plan, config, where)
            if plan.start and not (out / "config.json").exists():
                _, classes = labels_of(corpus.where(label="real"), plan.cond)
                transfer(plan.start, family, None, classes)  # refused before anything is written
            out.mkdir(parents=True, exist_ok=True)
            photos = read(corpus, family, plan, out, watch)
            refuse_strangers("photos", int(photos.sha256[:12], 16), where)
            resolved = {**resolved_of(plan, preset, config), "corpus": photos.sha256}
            told = {
                "domain": ", ".join(sorted({entry.domain for entry in corpus})),
                "photos": len(photos),
                "classes": list(photos.classes),
                "device": where.type,
                "threads": torch.get_num_threads(),
            }
            check_same(out, resolved)
            if rank() == 0 and snapshots.images_seen(snapshots.latest(out)) < plan.kimg * 1000:  # else all is done
                for change in settle_config(out, resolved, told, plan):
                    watch.say(change)
            return run(family, photos, plan, out, watch, graphs and where.type == "cuda" and world() == 1)


def resolved_of(plan: Plan, preset: str, config: Any) -> dict[str, Any]:
    """All that decides what a run computes, but for the photos. `start`: the SHA-256 of the weights."""
    return {
        "family": plan.family,
        "preset": preset,
        "config": asdict(config),
        **{key: getattr(plan, key) for key in ("seed", "batch", "precision", "cond")},
        "microbatch": plan.each,
        "start": plan.start_sha256 or (sha256(plan.start.read_bytes()).hexdigest() if plan.start else None),
    }


def settled(plan: Plan) -> tuple[str, Any, Corpus]:
    """The preset's name, its config with as many labels as the photos have, and the photos' corpus.

    Raises Refusal where photos have labels and nobody said what to do with them, or the other way round.
    """
    kind = family_named(plan.family)
    preset, config = preset_named(kind, plan.preset)
    if plan.settings is not None:
        try:
            config = type(config)(**plan.settings)
        except (TypeError, ValueError) as error:
            raise Refusal(f"{kind.name} has no such settings any more ({error}); start a new run") from None
    config = changed(config, plan.changes)
    corpus = corpus_at(plan.data)
    if plan.cond and not hasattr(config, "labels"):
        raise Refusal(f"--cond: {kind.name} knows no classes; use --no-cond, or stylegan2-ada")
    labels, _ = labels_of(corpus.where(label="real"), plan.cond)
    if hasattr(config, "labels"):
        config = replace(config, labels=0 if labels is None else labels.shape[1])
    return preset, config, corpus


def built(plan: Plan, config: Any, where: torch.device) -> Family:
    """The family with its first weights, a function of the seed.

    Raises Refusal where its settings make no network, or one that does not fit into memory.
    """
    kind = family_named(plan.family)
    torch.manual_seed(plan.seed)
    layout = torch.channels_last if where.type == "cpu" else torch.contiguous_format
    try:
        with torch.device("meta"):
            numbers = sum(p.numel() for p in kind(config).parameters())
        if numbers > MOST_NUMBERS:
            raise MemoryError(f"{numbers:,} weights; at most {MOST_NUMBERS:,} are trained")
        return kind(config).to(where, memory_format=layout)
    except (ArithmeticError, IndexError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Refusal(f"{kind.name} cannot be built with these settings: {why}") from None


def read(corpus: Corpus, family: Family, plan: Plan, out: Path, watch: Watch) -> Photos:
    """The photos as the family takes them; each process reads them for itself."""
    spill = out / (f"{rank()}-{PHOTOS}" if rank() else PHOTOS)
    channels = getattr(family.config, "channels", 3)
    photos = decode(corpus, family.size, spill, watch.decoding, channels, plan.cond)
    for left_out in photos.left_out[:5]:
        watch.say(f"left out: {left_out}")
    if photos.enlarged:
        high, wide = family.size
        watch.say(
            f"warning: {photos.enlarged:,} of {len(photos):,} photos are smaller than {wide}x{high} px and were "
            "enlarged; what it learns from them is blurred: choose a preset of their size"
        )
    return photos


def run(family: Family, photos: Photos, plan: Plan, out: Path, watch: Watch, graphs: bool = False) -> Path:
    where = next(family.parameters()).device
    phases = family.phases()
    optimisers = optimisers_of(family, phases, plan.precision, graphs)
    place = Place()
    path = snapshots.latest(out)
    if path:
        place = snapshots.load(path, family, optimisers)
        watch.say(f"going on from {path.name}: {place.images_seen / 1000:.1f} kimg")
    elif plan.start:
        for line in transfer(plan.start, family, out if rank() == 0 else None, photos.classes):
            watch.say(line)
    refuse_strangers("snapshot", place.step, where)
    rows = watch.begin(place, plan)
    keeper = Keeper(family, optimisers, photos, plan, out, watch) if rank() == 0 else None
    if keeper and path:
        keeper.resume(rows, place, path)
    goal, saved = plan.kimg * 1000, place
    if place.images_seen >= goal:
        watch.say(f"already at {place.images_seen / 1000:g} kimg, nothing to do; more: --kimg")
    with patient_interrupt() as interrupted:
        while place.images_seen < goal:
            family.advance(place.images_seen)
            place, measures = step(family, phases, optimisers, photos, plan, place)
            measures, stop = sum_measures(measures, interrupted())
            watch.look(place, measures)
            due = place.images_seen // (plan.snap * 1000) > saved.images_seen // (plan.snap * 1000)
            if due or stop or place.images_seen >= goal:
                family.settle()
                path, saved = snapshots.path_of(out, place), place
                if keeper:
                    keeper.keep(place)
            if stop or place.images_seen >= goal:
                watch.look(place, {}, last=True)
            if stop:
                watch.say(f"saved {path}; the same command goes on from here, or: forensics train --resume {out}")
                raise KeyboardInterrupt
    return path


def device_named(name: str) -> str:
    """auto, cpu or cuda → what torch calls it. Raises Refusal when it is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise Refusal(f"--device {name}: must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise Refusal("--device cuda: torch sees no CUDA device here; use cpu or auto")
    return name if name != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
