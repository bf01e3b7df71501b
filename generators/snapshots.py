"""Snapshots of a training run: one safetensors file each, whole or not there, read without unpickling.

A file holds the family's weights (generator, its average, the rest) under `family.`, the optimisers'
moments under `adam.<learner>.`, and in its header what else resuming needs: place, and scales of fp16. The header
also tells what the run was set to, so that a file that is copied out of its run still says what it is.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.family import Family

if TYPE_CHECKING:
    from generators.descent import Descent

HEADER = "forensics"  # key in a safetensors header: JSON
KEEP = 2  # snapshots that stay; older ones are removed


@dataclass(frozen=True)
class Place:
    """Where a run stands. Randomness and the order of photos follow from the seed and these numbers."""

    step: int = 0
    images_seen: int = 0


def folder_of(run: Path) -> Path:
    return run / "snapshots"


def path_of(run: Path, place: Place) -> Path:
    return folder_of(run) / f"{place.images_seen:012d}.safetensors"


def save(
    run: Path,
    family: Family,
    optimisers: Mapping[str, Descent],
    place: Place,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a snapshot beside the others, then remove the oldest. `about`: the run, for its header."""
    tensors = {f"family.{name}": t for name, t in family.state_dict().items()}
    for learner, optimiser in optimisers.items():
        for number, parameter in enumerate(optimiser.param_groups[0]["params"]):
            for moment, value in optimiser.state[parameter].items():
                tensors[f"adam.{learner}.{number}.{moment}"] = value
    path = path_of(run, place)
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {**(about or {}), "step": place.step, "images_seen": place.images_seen, "family": family.name}
    scales = {learner: optimiser.scaler.state_dict() for learner, optimiser in optimisers.items()}
    told |= {"scales": scales} if any(scales.values()) else {}  # fp16 only
    save_at_once({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, path, told)
    for old in sorted(path.parent.glob("*.safetensors"))[:-KEEP]:
        old.unlink()
    return path


def save_at_once(tensors: Mapping[str, Tensor], path: Path, told: Mapping[str, Any]) -> None:
    """Write a safetensors file whose header tells `told` as JSON; the same content gives the same bytes."""
    with at_once(path) as part:
        save_file(dict(tensors), part, metadata={HEADER: json.dumps(told, sort_keys=True)})
        with open(part, "rb") as file:
            os.fsync(file.fileno())
        part.chmod(0o644)


def latest(run: Path) -> Path | None:
    """The newest whole snapshot of a run; broken ones are passed over."""
    for path in sorted(folder_of(run).glob("*.safetensors"), reverse=True):
        try:
            with safe_open(path, "pt") as file:
                if HEADER in (file.metadata() or {}):
                    return path
        except (SafetensorError, OSError):
            continue
    return None


def images_seen(path: Path | None) -> int:
    """How many photos the run of a snapshot had shown, as its name tells; 0 without one."""
    return int(path.stem) if path and path.stem.isdecimal() else 0


def load(path: Path, family: Family, optimisers: Mapping[str, Descent]) -> Place:
    """Put a snapshot's state into a family and its optimisers, in place."""
    tensors, told = read(path)
    prefix = "family."
    restore(family, {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}, path)
    for learner, optimiser in optimisers.items():
        for number, parameter in enumerate(optimiser.param_groups[0]["params"]):
            state = {}
            for moment in ("step", "exp_avg", "exp_avg_sq"):
                value = tensors.get(f"adam.{learner}.{number}.{moment}")
                if value is not None:  # the step count stays on the CPU; moments lie as their parameter lies
                    state[moment] = value if moment == "step" else torch.empty_like(parameter).copy_(value)
            if state:
                optimiser.state[parameter] = state
        if learner in told.get("scales", {}):
            optimiser.scaler.load_state_dict(told["scales"][learner])
    return Place(told["step"], told["images_seen"])


def read(path: Path, start: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors of one of our safetensors files whose names start so, and what its header tells.

    Raises Refusal when it is none of ours, and when a tensor is not finite: training never saves such.
    """
    try:
        with safe_open(path, "pt") as file:
            told = dict(json.loads((file.metadata() or {})[HEADER]))
            tensors = {name: file.get_tensor(name) for name in file.keys() if name.startswith(start)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path} cannot be read as safetensors ({error})") from None
    except (KeyError, ValueError, TypeError):
        raise Refusal(f"{path} was not written by `forensics train`; give a run's folder or its export") from None
    for name, tensor in tensors.items():
        if not finite(tensor):
            raise Refusal(f"{path} is damaged: {name} is not finite; take an earlier snapshot, or the file anew")
    return tensors, told


def finite(tensor: Tensor) -> bool:
    """Neither NaN nor infinite anywhere. Least and largest show both, 20 times quicker than `torch.isfinite`."""
    if not (tensor.is_floating_point() and tensor.numel()):
        return True
    return all(math.isfinite(end) for end in tensor.aminmax())


def restore(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copy tensors into a module, name by name, in place. Raises Refusal where names or shapes differ."""
    check_fit(module, tensors, path)
    with torch.no_grad():
        for name, mine in module.state_dict().items():
            mine.copy_(tensors[name])


def check_fit(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raises Refusal when names or shapes of a file's tensors are not the module's."""
    mine = module.state_dict()
    odd = sorted(mine.keys() ^ tensors.keys())
    odd += [name for name in mine if name in tensors and mine[name].shape != tensors[name].shape]
    if odd:
        raise Refusal(f"{path} does not fit this network: {', '.join(odd[:3])}{' ...' if len(odd) > 3 else ''}")


def read_config(run: Path) -> dict:
    """What a run was started with. Raises Refusal when the folder is no run."""
    path = run / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict) or not {"family", "config", "seed"} <= config.keys():
            raise ValueError("not written by `forensics train`")
        return config
    except (OSError, ValueError) as error:
        raise Refusal(f"{run} is no training run ({path.name}: {error})") from None
