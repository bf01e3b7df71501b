"""The classifier's network, and the one file it is kept in.

The file is safetensors: float16 weights, and in its header the configuration they belong to.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from detectors.classifier.backbone import Backbone
from detectors.classifier.heads import PatchHead
from forensics.refusal import Refusal
from forensics.saving import at_once


@dataclass(frozen=True)
class NetworkConfig:
    """What is looked at, and with what. Saved with the weights."""

    view: Literal["whole", "patch"] = "whole"  # the face at one size, or patches at the photo's own pixels
    size: int = 160  # px of the face cut, or of a patch, that the network sees
    scale: float = 0.65  # of the FFHQ square around the face; 1 = hair and shoulders, 0.65 = brow to chin, ear to ear
    min_face: int = 48  # px; smaller faces are not judged
    depth: int = 5  # stages of the backbone
    hidden: int = 256  # width of the head
    dropout: float = 0.2
    drop_path: float = 0.1


class Network(nn.Module):
    """(N, 3, size, size) float in [-1, 1] → (N, h, w) logits; their mean is the score."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.depth, config.drop_path)
        self.head = PatchHead(self.backbone.channels, config.hidden, config.dropout)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))


def save(network: Network, path: Path, about: dict[str, object]) -> None:
    """Write weights (float16) and configuration, at once or not at all."""
    tensors = {
        key: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().cpu()
        for key, tensor in network.state_dict().items()
    }
    kept = {**asdict(network.config), "about": about}
    header = {"config": json.dumps(kept, sort_keys=True, default=str)}  # one key: several would come in any order
    path.parent.mkdir(parents=True, exist_ok=True)
    with at_once(path) as part:
        save_file(tensors, part, metadata=header)


def load(path: Path, view: str | None = None) -> tuple[Network, str]:
    """The network in evaluation mode and the sha256 of its file.

    Raises Refusal for a missing or broken file, and for a network of another view than asked for.
    """
    if not path.exists():
        raise Refusal(f"{path} is missing; `make weights` or `forensics detector train` makes it")
    try:
        with safe_open(path, "pt") as file:
            config = json.loads((file.metadata() or {})["config"])
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        known = {f.name for f in fields(NetworkConfig)}
        network = Network(NetworkConfig(**{key: value for key, value in config.items() if key in known}))
        network.load_state_dict({k: t.float() if t.is_floating_point() else t for k, t in state.items()})
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise Refusal(f"{path} holds no weights of this classifier ({str(error).splitlines()[0]})") from None
    if view and network.config.view != view:
        raise Refusal(f"{path} sees {network.config.view}, not {view}; `forensics detector train` makes both")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return network.eval().to(memory_format=torch.channels_last), digest


def start_from(network: Network, path: Path) -> str:
    """Take over a classifier's weights, or ImageNet's, and say what they were.

    Raises Refusal when they are neither, or do not fit.
    """
    if not path.exists():
        raise Refusal(f"{path}: no such file; --init takes classifier.safetensors or ImageNet weights as safetensors")
    with safe_open(path, "pt") as file:
        header = file.metadata() or {}
        order = json.loads(header.get("order", "null")) or list(file.keys())
        state = {key: file.get_tensor(key) for key in order}
    if "config" in header:
        known, digest = load(path)
        if known.config != network.config:
            raise Refusal(f"{path} is of another network ({known.config}) than this preset's ({network.config})")
        network.load_state_dict(known.state_dict())
        steps = json.loads(header["config"]).get("about", {}).get("step", "?")
        return f"a classifier of {steps} steps (sha256 {digest[:12]})"
    try:
        network.backbone.start_from_imagenet(state)
    except ValueError as error:
        raise Refusal(f"{path}: {error}") from None
    return f"ImageNet weights ({path.name})"
