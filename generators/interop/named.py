"""One network of StyleGAN2 in a safetensors file, under the names of NVIDIA's PyTorch code.

The tensors are what that code's `load_state_dict` takes. The header's key "nvidia" tells, as JSON, which network it
is ("G_ema", "G" or "D"), and `kwargs`: the arguments of the constructor, so that a network can be built for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.interop.networks import NAMES, Checkpoint, Critic, Painter, Shape, built, check_fit, sound
from generators.interop.options import critic_from, generator_from

HEADER = "nvidia"


def holds(path: Path) -> bool:
    """Whether a file is of this kind. Raises Refusal where it is no safetensors file at all."""
    try:
        with safe_open(path, "pt") as file:
            return HEADER in (file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path} cannot be read as safetensors ({error})") from None


def checkpoint(path: Path) -> Checkpoint:
    """Raises Refusal for a header that cannot be understood."""
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {})[HEADER])
        name, kwargs, told = header["network"], header["kwargs"], header.get("told", {})
        if name not in NAMES or not isinstance(kwargs, dict) or not isinstance(told, dict):
            raise ValueError("no network is named")
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise Refusal(f"{path}: what its header tells under {HEADER!r} is damaged ({error}); convert anew") from None
    return Checkpoint("NVIDIA's names", str(path), {name: partial(network, path, name, kwargs)}, told)


def network(path: Path, name: str, kwargs: Mapping[str, Any]) -> Painter | Critic:
    of = str(path)
    options = critic_from(kwargs, of) if name == "D" else generator_from(kwargs, of)
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            shapes = {each: Shape(tuple(file.get_slice(each).get_shape())) for each in names}
            check_fit(built(options, of), shapes, of, path.stat().st_size)
            tensors = sound({each: file.get_tensor(each) for each in names}, of)
    except (SafetensorError, OSError) as error:
        raise Refusal(f"{path} cannot be read as safetensors ({error})") from None
    return Critic(options, tensors) if name == "D" else Painter(options, tensors)


def write(network: Painter | Critic, name: str, told: Mapping[str, Any], out: Path) -> None:
    """`told`: what goes with the weights, as JSON has it. The same content gives the same bytes."""
    header = {"network": name, "kwargs": network.options.kwargs(), "told": dict(told)}
    with at_once(out) as part:
        tensors = {each: tensor.contiguous().clone() for each, tensor in network.tensors.items()}  # none shared
        save_file(tensors, part, metadata={HEADER: json.dumps(header, sort_keys=True)})
        part.chmod(0o644)
