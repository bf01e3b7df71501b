"""Trains the classifier: faces of corpora in, `classifier.safetensors` out.

Only the split "train" of the corpora is used; a fifth of its groups is kept aside to watch progress. Makers in
`hold_out` are never learned from: their AUC at each validation says how well the rest carries over to a generator
not seen, and the weights of the best validation are what is exported.
Each step is a function of (seed, step): an interrupted run goes on exactly where it was.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from detectors.classifier import network as networks
from detectors.classifier.card import photos_of
from detectors.classifier.cuts import Cut, Cuts, make_cuts
from detectors.classifier.descent import TrainingConfig, follow, optimizer, pace
from detectors.classifier.detector import WEIGHTS
from detectors.classifier.heads import score
from detectors.classifier.network import Network
from detectors.classifier.sampling import LABELS, Sampler, taken
from detectors.classifier.views import see
from forensics.corpus import Corpus, split_of
from forensics.interrupt import patient_interrupt
from forensics.metrics import auc
from forensics.refusal import Refusal
from forensics.saving import at_once, writing
from forensics.tensors import to_tensor


def train(corpora: Sequence[Corpus], out: Path, config: TrainingConfig, init: Path | None = None) -> Path:
    """Train, or go on with a run that was interrupted, and return the weights' path.

    out: the run's folder; `checkpoint.safetensors`, `log.jsonl` and the cuts are kept there.
    init: what to start from: weights of a classifier of ours, to teach it new fakes, or ImageNet weights
    (safetensors whose tensors fit the backbone in key order).
    Raises Refusal when a class has too few faces, or the run in `out` has another configuration.
    """
    cuts = make_cuts(corpora, out / "cuts", config.network)
    return Training(cuts, out, config, init, {c.root.name: c.sha256 for c in corpora}).run()


class Training:
    """One run: network, its average, optimiser, and the step it is at."""

    def __init__(
        self, cuts: Cuts, out: Path, config: TrainingConfig, init: Path | None, corpora: dict[str, str] | None = None
    ):
        self.cuts, self.config, self.corpora = cuts, config, corpora or {}
        self.weights = out / WEIGHTS[config.network.view]
        kept = out if config.network.view == "whole" else out / self.weights.stem
        kept.mkdir(parents=True, exist_ok=True)
        self.checkpoints, self.lines = kept / "checkpoint.safetensors", kept / "log.jsonl"
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        missing = set(config.hold_out) - {row.maker for row in cuts.rows if row.label == "fake"}
        if missing:
            raise Refusal(f"--hold-out {', '.join(sorted(missing))}: no face of such a maker in the corpora")
        kept_aside = [
            split_of("validation " + row.group) == "test" or (row.label == "fake" and row.maker in config.hold_out)
            for row in cuts.rows
        ]
        self.held = sorted((row for row, aside in zip(cuts.rows, kept_aside, strict=True) if aside), key=by_chance)
        self.sampler = Sampler(without(cuts, kept_aside), config.sampling, config.network)
        torch.manual_seed(config.seed)
        self.network = Network(config.network)
        self.start = networks.start_from(self.network, init) if init else "random weights"
        self.network.to(self.device, memory_format=torch.channels_last)
        self.averaged = deepcopy(self.network).requires_grad_(False)
        self.optimizer = optimizer(self.network, config)
        self.losses = dict.fromkeys(self.sampler.sources, math.log(2))  # moving average a source
        self.step, self.best = 0, -math.inf  # AUC of makers held out, of the weights exported
        self.resume()

    def run(self) -> Path:
        columns = (TextColumn(self.weights.stem), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        columns += (TextColumn("{task.fields[state]}"),)
        with (
            patient_interrupt() as interrupted,
            ThreadPoolExecutor(min(16, os.cpu_count() or 1) if self.device.type == "cuda" else 1) as pool,
            Progress(*columns, console=Console(stderr=True)) as bar,
        ):
            task = bar.add_task("", total=self.config.steps, completed=self.step, state="")
            while self.step < self.config.steps:
                loss = self.advance(pool)
                bar.update(task, completed=self.step, state=f"loss {loss:.3f}")
                if self.step % self.config.validate == 0 or self.step == self.config.steps:
                    self.keep(self.log(loss))
                if interrupted():
                    self.checkpoint()
                    bar.console.print(f"stopped at step {self.step}; the same command goes on from here")
                    raise KeyboardInterrupt
        return self.weights if self.config.hold_out else self.export()

    def advance(self, pool: ThreadPoolExecutor) -> float:
        """One optimiser step."""
        config, step = self.config, self.step
        labels = [LABELS[i % 2] for i in range(config.batch)]
        draws = [np.random.default_rng((config.seed, step, i)) for i in range(config.batch // 2)]
        samples = [sample for pair in pool.map(self.sampler.pair, draws) for sample in pair]
        target = torch.tensor([float(label == "fake") for label in labels], device=self.device)
        torch.manual_seed(config.seed * 1_000_003 + step)  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * pace(step, config)
        self.network.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.network(self.tensor([pixels for pixels, _ in samples]))
        smooth = target * (1 - config.smoothing) + config.smoothing / 2
        each = F.binary_cross_entropy_with_logits(score(logits.float()), smooth, reduction="none")
        loss = each.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        for (_, source), one in zip(samples, each.tolist(), strict=True):
            self.losses[source] += 0.01 * (one - self.losses[source])
        self.step += 1
        follow(self.averaged, self.network, min(config.average, (self.step + 1) / (self.step + 10)))
        if self.step % config.reweigh == 0:
            self.sampler.reweigh(self.losses)
        return float(loss.detach())

    def tensor(self, pictures: list[np.ndarray]) -> Tensor:
        return to_tensor(pictures).to(self.device, memory_format=torch.channels_last)

    def validate(self) -> dict[str, np.ndarray]:
        """Scores of held-aside photos a source, laundered the same way at each validation."""
        self.averaged.eval()
        scores: dict[str, list[float]] = {}
        config = self.config.sampling
        top = min(160, config.largest)
        for number, row in enumerate(self.held):
            if len(scores.setdefault(row.source, [])) >= self.config.shown or row.side < config.smallest:
                continue
            rng = np.random.default_rng((self.config.seed, 2**31, number))
            resolution = math.exp(
                rng.uniform(math.log(config.smallest), math.log(max(config.smallest, min(top, row.side))))
            )
            tight = bool(rng.random() < config.tight)
            history = self.sampler.histories.draw(row.label, resolution, rng) if config.matched else None
            pixels, square = taken(self.cuts.pixels(row), row, resolution, tight, rng, config, history)
            seen = see(self.averaged, pixels, square)
            scores[row.source] += [seen.score] if seen else []
        return {name: np.array(values) for name, values in sorted(scores.items()) if values}

    def log(self, loss: float) -> float:
        """One line of log.jsonl: AUC of each maker against all reals, shares over 0 of each real domain.

        Returns the mean AUC of the makers held out, 0 where there are none.
        """
        scores = self.validate()
        real = np.concatenate([s for name, s in scores.items() if name.startswith("real")] or [np.zeros(0)])
        line: dict[str, object] = {"step": self.step, "loss": round(loss, 4), "time": round(time.time())}
        line["photos"] = {name: len(s) for name, s in scores.items()}
        line["auc"] = {
            name[6:]: round(auc(np.concatenate([real, s]), np.arange(len(real) + len(s)) >= len(real)), 4)
            for name, s in scores.items()
            if name.startswith("fake") and len(real)
        }
        line["false_alarms"] = {n[6:]: round(float((s > 0).mean()), 3) for n, s in scores.items() if n[:4] == "real"}
        held_out = [line["auc"].get(maker, 0.5) for maker in self.config.hold_out]
        if held_out:
            line["held_out"] = round(sum(held_out) / len(held_out), 4)
        line["losses"] = {name: round(value, 3) for name, value in self.losses.items()}
        with writing(self.lines), open(self.lines, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        return line.get("held_out", 0.0)

    def keep(self, held_out: float) -> None:
        """Save; and export, unless an earlier validation was better on makers held out."""
        if held_out >= self.best or not self.config.hold_out:
            self.best = held_out
            self.export()
        self.checkpoint()

    def export(self) -> Path:
        about = {
            "date": datetime.date.today().isoformat(),
            "step": self.step,
            "training": asdict(self.config),
            "start": self.start,
            "corpora": self.corpora,
            "photos": photos_of(self.sampler, self.held),
        }
        networks.save(self.averaged, self.weights, about)
        return self.weights

    def checkpoint(self) -> None:
        """Everything the next step depends on, in one file, at once or not at all."""
        tensors = {f"network.{k}": t for k, t in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": t for k, t in self.averaged.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(t) for k, t in state.items()}
        facts = {"step": self.step, "losses": self.losses, "weights": self.sampler.weights, "corpora": self.corpora}
        facts["best"] = self.best
        header = {"facts": json.dumps(facts), "config": json.dumps(asdict(self.config), sort_keys=True)}
        with at_once(self.checkpoints) as part:
            save_file({k: t.contiguous().cpu() for k, t in tensors.items()}, part, metadata=header)

    def resume(self) -> None:
        path, run = self.checkpoints, self.weights.parent
        if not path.exists():
            return
        from safetensors import safe_open

        with safe_open(path, "pt") as file:
            header = file.metadata()
        before = {"hold_out": [], **json.loads(header["config"])}  # older runs held nothing out
        now = json.loads(json.dumps(asdict(self.config)))
        differ = [key for key in now if before.get(key) != now[key] and key not in ("steps", "validate", "shown")]
        if differ:
            raise Refusal(
                f"{run} holds a run with another {', '.join(differ)}; use another --out, or the same values"
            )
        facts = json.loads(header["facts"])
        if facts.get("corpora", self.corpora) != self.corpora:
            raise Refusal(
                f"{run} holds a run on other photos; use another --out, and --init "
                f"{self.weights} to go on from what it learnt"
            )
        tensors = load_file(path)
        part = {
            p: {k[len(p) + 1 :]: t for k, t in tensors.items() if k.startswith(p + ".")}
            for p in ("network", "averaged")
        }
        self.network.load_state_dict(part["network"])
        self.averaged.load_state_dict(part["averaged"])
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step, self.losses, self.sampler.weights = facts["step"], facts["losses"], facts["weights"]
        self.best = facts.get("best", -math.inf)


def by_chance(row: Cut) -> bytes:
    """An order that has nothing to do with a photo: the first hundred are like all."""
    return hashlib.sha256(row.photo.encode()).digest()


def without(cuts: Cuts, aside: list[bool]) -> Cuts:
    """The cuts that are not kept aside."""
    rest = Cuts.__new__(Cuts)
    rest.data, rest.missed = cuts.data, cuts.missed
    rest.rows = tuple(row for row, out in zip(cuts.rows, aside, strict=True) if not out)
    return rest
