"""The Siamese network of `pairs`: one trunk for all parts, a head and a comparison for each.

Input: (N, 3, 48, 48) float32 in [-1, 1], left parts or mirrored right parts. `embed` gives (N, 24);
`compare` gives log-odds that two of them belong to one photo (Bromley et al. 1993, "Signature
Verification using a Siamese Time Delay Neural Network"; here with a learnt comparison):

    log-odds = w_part · [|l − r|, l ⊙ r] + b_part           the same whichever side comes first
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load, save_file
from torch import Tensor, nn

from detectors.asymmetry.pairs_parts import SIZE
from forensics.face import PARTS
from forensics.refusal import Refusal
from forensics.saving import at_once


@dataclass(frozen=True)
class NetworkConfig:
    """Widths of the four strided convolutions, and length of an embedding."""

    widths: tuple[int, ...] = (24, 48, 64, 64)
    length: int = 24
    dropout: float = 0.2  # of the trunk's output, in training


class PairNetwork(nn.Module):
    """About 120,000 weights."""

    def __init__(self, config: NetworkConfig = NetworkConfig()):
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for number, width in enumerate(config.widths):
            kernel = 5 if number == 0 else 3
            convolution = nn.Conv2d(before, width, kernel, 2, kernel // 2, bias=False)
            layers += [convolution, nn.GroupNorm(8, width), nn.SiLU()]
            before = width
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(config.dropout))
        cells = (SIZE // 2 ** len(config.widths)) ** 2
        self.heads = nn.ModuleDict({part: nn.Linear(before * cells, config.length) for part in PARTS})
        self.compares = nn.ModuleDict({part: nn.Linear(2 * config.length, 1) for part in PARTS})

    def embed(self, pictures: Tensor, part: str) -> Tensor:
        """(N, 3, 48, 48) in [-1, 1] → (N, length)."""
        return self.heads[part](self.trunk(pictures))

    def compare(self, left: Tensor, right: Tensor, part: str) -> Tensor:
        """(..., length) twice → (...) log-odds of "the same photo"."""
        both = torch.cat([(left - right).abs(), left * right], dim=-1)
        return self.compares[part](both).squeeze(-1)

    def forward(self, left: Tensor, right: Tensor, part: str) -> Tensor:
        return self.compare(self.embed(left, part), self.embed(right, part), part)


def save(network: PairNetwork, path: Path, about: dict) -> None:
    """One safetensors file; its header tells the network's widths and what it was trained on."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    header = {"network": json.dumps(asdict(network.config)), "about": json.dumps(about, sort_keys=True)}
    with at_once(path) as part:
        save_file(tensors, part, metadata=header)


def read(path: Path) -> tuple[PairNetwork, str, dict]:
    """Network, SHA-256 of its file, what is told of it. Raises Refusal when the file is missing or not ours."""
    from safetensors import safe_open

    if not path.exists():
        raise Refusal(f"{path} is missing; run `forensics detector train` or name a folder that holds it")
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata()
        given = json.loads(header["network"])
        network = PairNetwork(NetworkConfig(tuple(given["widths"]), given["length"], given["dropout"]))
        data = path.read_bytes()
        network.load_state_dict(load(data))
        about = json.loads(header["about"])
    except Exception as error:
        raise Refusal(f"{path} is no network of pairs ({' '.join(str(error).split())[:200]})") from None
    return network.eval(), hashlib.sha256(data).hexdigest(), about
