"""Random weights in the layouts in which authors publish theirs, and small detectors to load them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from detectors.published import clip, ladeda, rine, univfd

SMALL = clip.ClipConfig(width=32, depth=3, heads=2, projected=24)


class SmallUnivFD(univfd.UnivFD):
    config: ClassVar[clip.ClipConfig] = SMALL


class SmallLaDeDa(ladeda.LaDeDa):
    side: ClassVar[int] = 64


class SmallRINE(rine.RINE):
    config: ClassVar[clip.ClipConfig] = SMALL


def random_state(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Numbers for every tensor of a network, by formula of its shape: activations neither die nor explode."""
    numbers = torch.Generator().manual_seed(seed)
    state = {}
    for key, tensor in network.state_dict().items():
        if not tensor.is_floating_point():
            state[key] = torch.zeros(tensor.shape, dtype=tensor.dtype)
            continue
        n = torch.randn(tensor.shape, generator=numbers)
        if tensor.ndim > 1:
            state[key] = n * (2 / tensor[0].numel()) ** 0.5
        elif key.endswith("running_var"):
            state[key] = 1 + 0.1 * n.abs()
        else:
            state[key] = 0.1 * n + (1 if key.endswith("weight") else 0)
    return state


def openai_layout(encoder: clip.Clip) -> dict[str, Tensor]:
    """The picture half of OpenAI's state dict, beside a bit of its text half."""
    state = {"logit_scale": torch.tensor(4.6), "token_embedding.weight": torch.zeros(8, 4)}
    block = {
        "norm1": "ln_1",
        "norm2": "ln_2",
        "attn.proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    whole = {"patch_embed.proj.weight": "conv1.weight", "norm_pre": "ln_pre", "norm": "ln_post"}
    for key, tensor in encoder.state_dict().items():
        name = key.removeprefix("tower.")
        if name == "proj":
            state["visual.proj"] = tensor
        elif name == "cls_token":
            state["visual.class_embedding"] = tensor[0, 0]
        elif name == "pos_embed":
            state["visual.positional_embedding"] = tensor[0]
        elif name.startswith("blocks."):
            _, number, inner = name.split(".", 2)
            inner = inner.replace("attn.qkv.", "attn.in_proj_")
            stem = next((ours for ours in block if inner.startswith(ours + ".")), None)
            inner = inner if stem is None else block[stem] + inner.removeprefix(stem)
            state[f"visual.transformer.resblocks.{number}.{inner}"] = tensor
        elif name in whole:
            state[f"visual.{whole[name]}"] = tensor
        else:
            stem, end = name.rsplit(".", 1)
            state[f"visual.{whole[stem]}.{end}"] = tensor
    return state


def timm_layout(encoder: clip.Clip) -> dict[str, Tensor]:
    state = {key.removeprefix("tower."): tensor for key, tensor in encoder.state_dict().items() if key != "proj"}
    return state | {"head.weight": encoder.proj.T.contiguous(), "head.bias": torch.zeros(SMALL.projected)}
