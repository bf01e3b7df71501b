"""The names of rosinality's stylegan2-pytorch, by rule: layers are counted there, not named by resolution.

convs.0 and convs.1 are conv0 and conv1 of 8x8, and so on; to_rgbs and noises likewise; in the discriminator
convs.1 is the highest resolution. Numbers are those of NVIDIA's PyTorch files, some with more axes of length 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.interop.pickles import one_line
from generators.interop.told import FILTER
from generators.ops.upfirdn2d import setup_filter


@dataclass(frozen=True)
class Rule:
    """A tensor: its name there and NVIDIA's, and how many axes of length 1 it has more there, in front and behind."""

    theirs: str
    ours: str
    front: int = 0
    behind: int = 0

    def read(self, tensor: Tensor, of: str) -> Tensor:
        """Raises Refusal where axes that should be of length 1 are not."""
        ends = len(tensor.shape) - self.behind
        outer = (*tensor.shape[: self.front], *tensor.shape[max(ends, 0) :])
        if ends < self.front or any(n != 1 for n in outer):
            raise Refusal(f"{of}: {self.theirs} is {tuple(tensor.shape)}; it is no network of rosinality's code")
        return tensor.reshape(tensor.shape[self.front : ends])

    def write(self, tensor: Tensor) -> Tensor:
        return tensor.reshape(*[1] * self.front, *tensor.shape, *[1] * self.behind).clone()


def generator_rules(resolution: int, mapping_layers: int) -> Iterator[Rule]:
    for number in range(mapping_layers):
        for part in ("weight", "bias"):
            yield Rule(f"style.{number + 1}.{part}", f"mapping.fc{number}.{part}")
    yield Rule("input.input", "synthesis.b4.const", 1)
    layers = [("conv1", "synthesis.b4.conv1")]
    pictures = [("to_rgb1", "synthesis.b4.torgb")]
    for block in range(resolution.bit_length() - 3):
        here = f"synthesis.b{8 * 2**block}"
        layers += [(f"convs.{2 * block}", f"{here}.conv0"), (f"convs.{2 * block + 1}", f"{here}.conv1")]
        pictures.append((f"to_rgbs.{block}", f"{here}.torgb"))
    for number, (there, here) in enumerate(layers):
        yield Rule(f"{there}.noise.weight", f"{here}.noise_strength", 1)
        yield Rule(f"{there}.activate.bias", f"{here}.bias")
        yield Rule(f"noises.noise_{number}", f"{here}.noise_const", 2)
    for there, here in pictures:
        yield Rule(f"{there}.bias", f"{here}.bias", 1, 2)
    for there, here in layers + pictures:
        yield Rule(f"{there}.conv.weight", f"{here}.weight", 1)
        yield Rule(f"{there}.conv.modulation.weight", f"{here}.affine.weight")
        yield Rule(f"{there}.conv.modulation.bias", f"{here}.affine.bias")


def critic_rules(resolution: int) -> Iterator[Rule]:
    layers = [("convs.0.0", "convs.0.1", f"b{resolution}.fromrgb")]
    for number in range(resolution.bit_length() - 3):
        there, here = f"convs.{number + 1}", f"b{resolution // 2**number}"
        layers.append((f"{there}.conv1.0", f"{there}.conv1.1", f"{here}.conv0"))
        layers.append((f"{there}.conv2.1", f"{there}.conv2.2", f"{here}.conv1"))
        yield Rule(f"{there}.skip.1.weight", f"{here}.skip.weight")
    layers.append(("final_conv.0", "final_conv.1", "b4.conv"))
    layers.append(("final_linear.0", "final_linear.0", "b4.fc"))
    layers.append(("final_linear.1", "final_linear.1", "b4.out"))
    for weight, bias, here in layers:
        yield Rule(f"{weight}.weight", f"{here}.weight")
        yield Rule(f"{bias}.bias", f"{here}.bias")


def generator_blurs(resolution: int) -> dict[str, Tensor]:
    """The filters that a generator of theirs carries: [1, 3, 3, 1] both ways, times 4, for they enlarge."""
    blocks = range(resolution.bit_length() - 3)
    names = [name for block in blocks for name in (f"convs.{2 * block}.conv.blur", f"to_rgbs.{block}.upsample")]
    return {f"{name}.kernel": setup_filter(FILTER) * 4 for name in names}


def critic_blurs(resolution: int) -> dict[str, Tensor]:
    blocks = range(1, resolution.bit_length() - 2)
    names = [f"convs.{block}.{part}.0.kernel" for block in blocks for part in ("conv2", "skip")]
    return {name: setup_filter(FILTER) for name in names}


def renamed(
    tensors: Mapping[str, Tensor], rules: list[Rule], blurs: Mapping[str, Tensor], of: str
) -> dict[str, Tensor]:
    """Tensors under NVIDIA's names. Raises Refusal for names that are missing or unknown, and for other filters."""
    missing = [rule.theirs for rule in rules if rule.theirs not in tensors]
    unknown = sorted(tensors.keys() - {rule.theirs for rule in rules} - blurs.keys())
    if missing or unknown:
        what = f"has no {missing[0]}" if missing else f"has a {one_line(unknown[0], 60)}"
        raise Refusal(f"{of} {what}: it is no network of rosinality's code, or a changed one")
    for name, kernel in blurs.items():
        found = tensors.get(name, kernel)
        if found.shape != kernel.shape or not torch.allclose(found.float(), kernel):
            raise Refusal(f"{of} filters with another {name} than [1, 3, 3, 1]; such networks are not read")
    return {rule.ours: rule.read(tensors[rule.theirs], of) for rule in rules}
