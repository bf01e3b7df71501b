"""The `.pt` of rosinality's stylegan2-pytorch: {"g_ema", "g", "d", "latent_avg"}, both ways.

The numbers are those of NVIDIA's PyTorch files under other names (rosinality_names.py). The mean w lies beside the
networks; training's own files do not have it, and it is measured then.

That code has no labels, clamps or choice of architecture: networks with such are not written, but for clamps so
large that only float16 meets them. What it does not tell of a network (z, clamps, where it came from) is kept as
JSON under a key of ours, "forensics", which it does not look at.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from forensics.refusal import Refusal
from forensics.saving import at_once
from generators.interop.networks import Checkpoint, Critic, Network, Painter, Shape, built, check_fit, filters, sound
from generators.interop.options import (
    CriticOptions,
    GeneratorOptions,
    Options,
    base_and_most,
    critic_from,
    generator_from,
)
from generators.interop.pickles import one_line
from generators.interop.rosinality_names import (
    critic_blurs,
    critic_rules,
    generator_blurs,
    generator_rules,
    renamed,
)
from generators.interop.told import FILTER

KEYS = {"G_ema": "g_ema", "G": "g", "D": "d"}
MEAN, OURS = "latent_avg", "forensics"
LARGE = 256.0  # clamps from here on are for float16
MANY = 10_000  # z whose mean w stands for an untold one


def holds(content: Any) -> bool:
    """Whether what an archive holds is of this kind."""
    return isinstance(content, dict) and any(isinstance(content.get(key), dict) for key in KEYS.values())


def checkpoint(content: Mapping[str, Any], of: str, size: int) -> Checkpoint:
    """The networks of what `torch.load(weights_only=True)` gave; `size`: bytes of the file."""
    kept = ours_in(content, of)
    makers = {
        name: partial(read_critic if name == "D" else read_generator, content, f"{of}: {key}", size, name, kept)
        for name, key in KEYS.items()
        if isinstance(content.get(key), dict)
    }
    told = kept.get("told", {})
    return Checkpoint("rosinality's stylegan2-pytorch", of, makers, told if isinstance(told, dict) else {})


def ours_in(content: Mapping[str, Any], of: str) -> dict[str, Any]:
    text = content.get(OURS)
    if text is None:
        return {}
    try:
        kept = json.loads(text)
        if isinstance(kept, dict) and isinstance(kept.get("kwargs"), dict):
            return kept
    except (TypeError, ValueError, RecursionError):
        pass
    raise Refusal(f"{of}: what it keeps under {OURS!r} is damaged; get the file anew")


def tensors_in(state: Mapping[str, Any], of: str) -> dict[str, Tensor]:
    """By name. Raises Refusal for what is no plain tensor."""
    for name, tensor in state.items():
        if not isinstance(name, str) or type(tensor) not in (Tensor, torch.nn.Parameter) or tensor.is_quantized:
            raise Refusal(f"{of} has a {one_line(name, 60)} that is no tensor; get the file anew")
    return {name: tensor.detach() for name, tensor in state.items()}


def widths_of(tensors: Mapping[str, Tensor], name: str, of: str, dims: int) -> tuple[int, ...]:
    """Shape of a tensor of `dims` dimensions. Raises Refusal where it is not there."""
    if name not in tensors or tensors[name].ndim != dims:
        raise Refusal(f"{of} has no {name} of {dims} dimensions: it is no network of rosinality's code")
    return tuple(tensors[name].shape)


def read_generator(content: Mapping[str, Any], of: str, size: int, name: str, kept: Mapping[str, Any]) -> Painter:
    tensors = tensors_in(content[KEYS[name]], of)
    layers = next(n for n in range(len(tensors) + 1) if f"style.{n + 1}.weight" not in tensors)
    blocks = next(n for n in range(len(tensors) + 1) if f"to_rgbs.{n}.bias" not in tensors)
    w, z = widths_of(tensors, "style.1.weight", of, 2)
    if not 1 <= blocks <= 10:
        raise Refusal(f"{of} has {blocks} resolutions above 4x4, not 1 to 10")
    widths = {4: widths_of(tensors, "input.input", of, 4)[1]}
    for block in range(blocks):
        widths[8 * 2**block] = widths_of(tensors, f"convs.{2 * block}.activate.bias", of, 1)[0]
    base, most = base_and_most(widths, of)
    channels = widths_of(tensors, "to_rgb1.bias", of, 4)[1]
    options = GeneratorOptions(z, 0, w, 4 * 2**blocks, channels, base, most, mapping_layers=layers)
    if name in kept.get("kwargs", {}):
        options = generator_from(kept["kwargs"][name], of)
        check_writable(options, of)
    rules = list(generator_rules(4 * 2**blocks, layers))
    found = renamed(tensors, rules, generator_blurs(4 * 2**blocks), of) | filters(options, of)
    mean = content.get(MEAN) if name == "G_ema" else content.get(f"{KEYS[name]}_{MEAN}", content.get(MEAN))
    told = {} if mean is None else {"mapping.w_avg": tensors_in({MEAN: mean}, of)[MEAN]}
    check_fit(built(options, of), {"mapping.w_avg": Shape((w,)), **found, **told}, of, size)
    found = sound(found | told, of)
    return Painter(options, found if told else found | {"mapping.w_avg": mean_w(options, found, of)})


def read_critic(content: Mapping[str, Any], of: str, size: int, name: str, kept: Mapping[str, Any]) -> Critic:
    tensors = tensors_in(content[KEYS[name]], of)
    blocks = next(n for n in range(len(tensors) + 1) if f"convs.{n + 1}.conv1.0.weight" not in tensors)
    if not 1 <= blocks <= 10:
        raise Refusal(f"{of} has {blocks} resolutions above 4x4, not 1 to 10")
    resolution = 4 * 2**blocks
    widths = {4: widths_of(tensors, "final_conv.1.bias", of, 1)[0]}
    for block in range(blocks):
        widths[resolution // 2**block] = widths_of(tensors, f"convs.{block + 1}.conv1.1.bias", of, 1)[0]
    base, most = base_and_most(widths, of)
    channels = widths_of(tensors, "convs.0.0.weight", of, 4)[1]
    options = CriticOptions(0, resolution, channels, base, most)
    if name in kept.get("kwargs", {}):
        options = critic_from(kept["kwargs"][name], of)
        check_writable(options, of)
    found = renamed(tensors, list(critic_rules(resolution)), critic_blurs(resolution), of) | filters(options, of)
    check_fit(built(options, of), found, of, size)
    return Critic(options, sound(found, of))


@torch.no_grad()
def mean_w(options: GeneratorOptions, tensors: Mapping[str, Tensor], of: str) -> Tensor:
    """The mean w of MANY fixed z, (W,): training's own files do not keep it."""
    network = built(options, of).eval()
    network.load_state_dict({**tensors, "mapping.w_avg": torch.zeros(options.w)}, assign=True)
    z = torch.randn(MANY, options.latent, generator=torch.Generator().manual_seed(0))
    return network.mapping(z)[:, 0].mean(0)


def check_writable(options: Options, of: str) -> None:
    """Raises Refusal for a network that rosinality's code cannot be."""
    usual = {"labels": (0,), "activation": ("lrelu",), "filter": (FILTER,)}
    if isinstance(options, GeneratorOptions):
        usual |= {"architecture": ("skip",), "noise": (True,), "latent": (options.w,)}
        usual |= {"mapping_width": (None, options.w), "mapping_activation": ("lrelu",), "mapping_lr": (0.01,)}
    else:
        usual |= {"architecture": ("resnet",), "group": (4,), "statistics": (1,)}
    odd = [name for name, allowed in usual.items() if getattr(options, name) not in allowed]
    odd += ["clamp"] if options.clamp is not None and options.clamp < LARGE else []
    if odd:
        told = ", ".join(f"{name} {getattr(options, name)}" for name in odd[:3])
        raise Refusal(f"{of}: rosinality's code has no network with {told}; convert to .safetensors instead")


def write(networks: Mapping[str, Network], told: Mapping[str, Any], of: str, out: Path) -> None:
    """Write networks, by one of NAMES, to a `.pt`; reading it gives the same numbers and options, bit for bit.

    `told`: what goes with the weights, as JSON has it. Raises Refusal for networks that rosinality's code cannot be.
    """
    content: dict[str, Any] = {}
    kwargs = {}
    for name, network in networks.items():
        if not isinstance(network, (Painter, Critic)):
            raise Refusal(
                f"{of} holds a {network.summary}; a .pt of rosinality's holds StyleGAN2, so name a .safetensors"
            )
        options = network.options
        check_writable(options, of)
        if isinstance(options, GeneratorOptions):
            rules, constants = generator_rules(options.resolution, options.mapping_layers), generator_blurs
            content[MEAN if name == "G_ema" else f"{KEYS[name]}_{MEAN}"] = network.tensors["mapping.w_avg"].clone()
        else:
            rules, constants = critic_rules(options.resolution), critic_blurs
        state = {rule.theirs: rule.write(network.tensors[rule.ours]) for rule in rules}
        content[KEYS[name]] = state | constants(options.resolution)
        kwargs[name] = options.kwargs()
    content[OURS] = json.dumps({"kwargs": kwargs, "told": dict(told)}, sort_keys=True)
    packed = BytesIO()  # not the file: its name would be inside, and torch hides what a full disk says
    torch.save(content, packed)
    with at_once(out) as part:
        part.write_bytes(packed.getbuffer())
