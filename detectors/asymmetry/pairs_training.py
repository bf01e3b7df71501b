"""Trains `pairs` on real faces only: `pairs.safetensors`, from parts of one photo and of look-alikes.

A step takes one part and 6 groups of 8 photos of one source whose part has nearly the same light, colour
and pose. All photos of a step pass through the same random history, so that history tells nothing. Within
a group every left side meets every mirrored right side: 8 pairs of one photo, 56 of two; both kinds weigh
the same. Each side is shifted, scaled and tinted a little on its own, so that exact white balance or
placing tells little. Split "train" only, a fifth of its groups kept aside to watch. Each step is a function
of (seed, step): an interrupted run goes on exactly where it was.
"""

from __future__ import annotations

import datetime
import json
import math
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from detectors.asymmetry import pairs_network
from detectors.asymmetry.pairs_card import card
from detectors.asymmetry.pairs_cuts import Seen, find
from detectors.asymmetry.pairs_network import PairNetwork
from detectors.asymmetry.pairs_sampling import PairsConfig, Pool
from forensics.corpus import Corpus, split_of
from forensics.interrupt import patient_interrupt
from forensics.metrics import auc
from forensics.refusal import Refusal
from forensics.saving import at_once, write_at_once, writing

WATCH, SETTLE = 12, 36  # batches of photos kept aside at each look, and for the last scaling


def train(corpora: Sequence[Corpus], out: Path, config: PairsConfig | None = None) -> Path:
    """Train on the real photos of corpora and return the weights' path. Interrupted, the same call goes on.

    out: the run's folder; a checkpoint, the log `pairs.jsonl`, the settings and the found parts are kept there.
    Raises Refusal when no source has enough visible parts, or `out` holds a run with other settings or photos.
    """
    config = config or PairsConfig()
    out.mkdir(parents=True, exist_ok=True)
    seen = find(corpora, "train", out / "pairs.cuts.npz")
    training = Training(seen, out, config, {c.root.name: c.sha256 for c in corpora})
    path = training.run()
    write_at_once(path.with_suffix(".md"), card(path, corpora))
    return path


class Training:
    """One run: network, its average, optimiser, and the step it is at."""

    def __init__(self, seen: Sequence[Seen], out: Path, config: PairsConfig, corpora: dict[str, str]):
        self.out, self.config, self.corpora = out, config, corpora
        aside = [split_of("validation " + s.group) == "test" for s in seen]
        self.pool = Pool([s for s, held in zip(seen, aside, strict=True) if not held], config)
        self.held = Pool([s for s, held in zip(seen, aside, strict=True) if held], config)
        if not self.pool.sources:
            raise Refusal(f"no source has {config.least} real training photos with both sides of a part in view")
        torch.manual_seed(config.seed)
        self.network, self.averaged = PairNetwork(config.network), PairNetwork(config.network)
        self.averaged.load_state_dict(self.network.state_dict())
        self.averaged.requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.rate, weight_decay=config.decay)
        self.step = 0
        self.resume()

    def run(self) -> Path:
        settings = {"corpora": self.corpora, "pairs": asdict(self.config), "photos": self.pool.counts}
        write_at_once(self.out / "pairs.json", json.dumps(settings, indent=2) + "\n")
        columns = (TextColumn("pairs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        columns += (TextColumn("{task.fields[state]}"),)
        with patient_interrupt() as interrupted, Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("", total=self.config.steps, completed=self.step, state="")
            while self.step < self.config.steps:
                part, loss = self.advance()
                bar.update(task, completed=self.step, state=f"{part} {loss:.3f}")
                done = self.step == self.config.steps
                if self.step % self.config.validate == 0 or done:
                    self.log(loss)
                    self.checkpoint()
                    self.export()
                elif interrupted():
                    self.checkpoint()
                if interrupted() and not done:
                    bar.console.print(f"stopped at step {self.step}; the same command goes on from here")
                    raise KeyboardInterrupt
        return self.export(settled=True)

    def advance(self) -> tuple[str, float]:
        """One optimiser step on one part."""
        rng = np.random.default_rng((self.config.seed, self.step))
        part, left, right, same, other = self.pool.batch(rng)
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)  # dropout
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate * pace(self.step, self.config)
        embedded = self.network.embed(torch.cat([left, right]), part).chunk(2)
        logits = self.network.compare(embedded[0][:, None], embedded[1][None], part)
        loss = balanced(logits, same, other)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        kept = min(self.config.average, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            for average, now in zip(self.averaged.parameters(), self.network.parameters(), strict=True):
                average.lerp_(now, 1 - kept)
        return part, float(loss.detach())

    @torch.no_grad()
    def held_aside(self, batches: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Part → log-odds of pairs of one photo, and of look-alikes: photos kept aside, the same at each call."""
        scores: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for number in range(batches if self.held.sources else 0):
            part, left, right, same, other = self.held.batch(np.random.default_rng((self.config.seed, 2**31, number)))
            logits = self.averaged.compare(
                self.averaged.embed(left, part)[:, None], self.averaged.embed(right, part)[None], part
            )
            scores.setdefault(part, []).append((logits[same], logits[other]))
        return {part: tuple(map(torch.cat, zip(*each, strict=True))) for part, each in sorted(scores.items())}

    def known(self) -> dict[str, float]:
        """Part → AUC of one photo's sides against look-alikes'."""
        found = {}
        for part, (one, two) in self.held_aside(WATCH).items():
            two_photos = np.arange(len(one) + len(two)) >= len(one)
            found[part] = round(auc(-torch.cat([one, two]).numpy(), two_photos), 4)
        return found

    def settle(self, network: PairNetwork) -> None:
        """Scale and shift each part's log-odds until they are honest on the photos kept aside (Platt 1999)."""
        for part, (one, two) in self.held_aside(SETTLE).items():
            line = torch.tensor([1.0, 0.0], requires_grad=True)
            fit = torch.optim.LBFGS([line], max_iter=50, line_search_fn="strong_wolfe")

            def closure(line=line, fit=fit, one=one, two=two) -> Tensor:
                fit.zero_grad()
                loss = F.softplus(-(line[0] * one + line[1])).mean() + F.softplus(line[0] * two + line[1]).mean()
                loss.backward()
                return loss

            fit.step(closure)
            scale, shift = (float(v) for v in line.detach())
            with torch.no_grad():
                network.compares[part].weight.mul_(scale)
                network.compares[part].bias.mul_(scale).add_(shift)

    def log(self, loss: float) -> None:
        line = {"step": self.step, "loss": round(loss, 4), "time": round(time.time()), "auc": self.known()}
        lines = self.out / "pairs.jsonl"
        with writing(lines), open(lines, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def export(self, settled: bool = False) -> Path:
        path, network = self.out / "pairs.safetensors", deepcopy(self.averaged)
        known = self.known() if settled else {}
        if settled:
            self.settle(network)
        about = {"date": datetime.date.today().isoformat(), "step": self.step, "training": asdict(self.config)}
        about |= {"corpora": self.corpora, "photos": self.pool.counts, "known": known}
        pairs_network.save(network, path, about)
        return path

    def checkpoint(self) -> None:
        """Everything the next step depends on, in one file, at once or not at all."""
        tensors = {f"network.{k}": t for k, t in self.network.state_dict().items()}
        tensors |= {f"averaged.{k}": t.clone() for k, t in self.averaged.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(t) for k, t in state.items()}
        header = {
            "config": json.dumps(asdict(self.config)),
            "corpora": json.dumps(self.corpora),
            "step": str(self.step),
        }
        with at_once(self.out / "pairs.checkpoint.safetensors") as part:
            save_file({k: t.contiguous() for k, t in tensors.items()}, part, metadata=header)

    def resume(self) -> None:
        path = self.out / "pairs.checkpoint.safetensors"
        if not path.exists():
            return
        with safe_open(path, "pt") as file:
            header, tensors = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        before, now = json.loads(header["config"]), json.loads(json.dumps(asdict(self.config)))
        differ = [k for k in now if before.get(k) != now[k] and k not in ("steps", "validate")]
        if differ:
            raise Refusal(f"{self.out} holds a run with another {', '.join(differ)}; use another --out, or the same")
        if json.loads(header["corpora"]) != self.corpora:
            raise Refusal(f"{self.out} holds a run of pairs on other photos; use another --out")
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = tensor
        for name, network in (("network.", self.network), ("averaged.", self.averaged)):
            network.load_state_dict({k.removeprefix(name): t for k, t in tensors.items() if k.startswith(name)})
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
        self.step = int(header["step"])


def balanced(logits: Tensor, same: Tensor, other: Tensor) -> Tensor:
    """Logistic loss of (N, N) log-odds; pairs of one photo and pairs of two weigh the same."""
    return (F.softplus(-logits[same]).mean() + F.softplus(logits[other]).mean()) / 2


def pace(step: int, config: PairsConfig) -> float:
    """Linear warm-up, then a cosine down to 1 %."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
