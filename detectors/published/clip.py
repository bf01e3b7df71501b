"""CLIP's image encoder, ViT-L/14 (Radford et al. 2021), as timm builds it; its weights are OpenAI's.

Two layouts of the same tensors are read: OpenAI's ("visual.transformer.resblocks.0...", as open_clip and the
original state dict have it) and timm's ("blocks.0...", `vit_large_patch14_clip_quickgelu_224.openai`).
OpenAI's own ViT-L-14.pt is a TorchScript archive, which is a programme: it is refused. Save its state dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import detectors.torchvision_ops  # noqa: F401  (before timm)
from detectors.published.manifest import Manifest

ARCHITECTURE = "vit_large_patch14_clip_quickgelu_224"  # OpenAI's CLIP has x · sigmoid(1.702 x) for GELU
SIDE = 224

MANIFEST = Manifest(
    title="CLIP ViT-L/14",
    paper="Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, ICML",
    year=2021,
    licence="MIT",
    stem="clip_vitl14",
    published_as="the weights vit_large_patch14_clip_quickgelu_224.openai of timm on the Hugging Face hub"
    " (model.safetensors), or the state dict of OpenAI's ViT-L/14",
    prepared="centre crop of 224, CLIP's mean and deviation taken off",
    trained_on="400 million pictures with their captions",
    suffixes=(".safetensors", ".pth"),
)

OPENAI_NAMES = (  # OpenAI's word, timm's word; in this order
    ("conv1.", "patch_embed.proj."),
    ("positional_embedding", "pos_embed"),
    ("class_embedding", "cls_token"),
    ("transformer.resblocks.", "blocks."),
    ("ln_pre.", "norm_pre."),
    ("ln_post.", "norm."),
    ("ln_", "norm"),
    ("attn.in_proj_", "attn.qkv."),
    ("attn.out_proj.", "attn.proj."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
)


@dataclass(frozen=True)
class ClipConfig:
    """The encoder's sizes. ViT-L/14's are the defaults; tests build smaller ones."""

    width: int = 1024
    depth: int = 24
    heads: int = 16
    projected: int = 768


class Clip(nn.Module):
    """(N, 3, 224, 224) normalised float → (N, 768) features, not scaled to length 1. 303,966,208 parameters."""

    def __init__(self, config: ClipConfig = ClipConfig()):
        super().__init__()
        import timm

        self.config = config
        sizes = {"embed_dim": config.width, "depth": config.depth, "num_heads": config.heads}
        self.tower = timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0, **sizes)
        self.proj = nn.Parameter(torch.empty(config.width, config.projected))

    def forward(self, images: Tensor) -> Tensor:
        return self.tower(images) @ self.proj

    def stages(self, images: Tensor) -> Tensor:
        """The first (class) token after the second normalisation of each block: (N, depth, width)."""
        kept: list[Tensor] = []
        hooks = [b.norm2.register_forward_hook(lambda m, i, out: kept.append(out[:, 0])) for b in self.tower.blocks]
        try:
            self.tower.forward_features(images)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack(kept, 1)


def to_our_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of OpenAI's or timm's layout under the names of `Clip`; the text encoder's are left out."""
    if any(key.startswith("visual.") for key in state):
        renamed = {}
        for key, tensor in state.items():
            if not key.startswith("visual."):
                continue
            name = key.removeprefix("visual.")
            for theirs, ours in OPENAI_NAMES:
                name = name.replace(theirs, ours)
            if name == "proj":
                renamed["proj"] = tensor
                continue
            lacking = {"cls_token": 3, "pos_embed": 3}.get(name, tensor.ndim) - tensor.ndim
            renamed[f"tower.{name}"] = tensor[(None,) * max(lacking, 0)]
        return renamed
    renamed = {f"tower.{key}": tensor for key, tensor in state.items() if not key.startswith("head.")}
    if state.get("head.weight") is not None and state["head.weight"].ndim == 2:
        renamed["proj"] = state["head.weight"].T
    return renamed
