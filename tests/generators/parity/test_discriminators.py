"""Six discriminators of StyleGAN2 against the published numbers, with R1 and its gradients."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from generators.critic import Discriminator
from generators.families.stylegan2 import steepness

NAMES = ("resnet_cond4", "resnet_uncond", "orig_uncond", "skip_cond4", "resnet_gray_clamp_mb2", "resnet_nombstd")
F64, F32 = torch.float64, torch.float32
EXACT, FORWARD, GRADIENT = 1e-10, 1e-5, 5e-5
SMALL = 2e-4  # gradients of biases of about 1e-3, as the numbers' makers saw them in float32


@dataclass
class Case:
    """A network with the published weights, its inputs and what should come out."""

    name: str
    network: Discriminator
    arrays: dict[str, Tensor]
    dtype: torch.dtype
    gamma: float

    def given(self, name: str) -> Tensor | None:
        return self.arrays.get(f"in/{name}")

    def logits(self, n: int | None = None) -> Tensor:
        labels = self.given("c")
        return self.network(self.given("img")[:n], None if labels is None else labels[:n])[:, None]

    def truth(self, name: str) -> tuple[Tensor, float]:
        """The published value and how near we must come: the float64 one where there is one."""
        if self.dtype == F64 and f"out64/{name}" in self.arrays:
            return self.arrays[f"out64/{name}"], EXACT
        found = self.arrays.get(f"out64/{name}", self.arrays.get(f"out/{name}"))
        assert found is not None, f"{name} is not published"
        return found, GRADIENT if name.startswith("r1") else FORWARD


@pytest.fixture(params=[F64, F32], ids=["float64", "float32"])
def dtype(request) -> torch.dtype:
    return request.param


@pytest.fixture(params=NAMES)
def case(request, published, dtype) -> Case:
    stem = f"sg2_D_{request.param}"
    told, arrays = published.told(stem), published.arrays(stem)
    chosen = told["kwargs"]
    last = chosen.get("epilogue_kwargs", {})
    network = Discriminator(
        chosen["img_resolution"],
        chosen["img_channels"],
        chosen["c_dim"],
        chosen["channel_base"],
        chosen["channel_max"],
        chosen.get("architecture", "resnet"),
        clamp=chosen.get("conv_clamp"),
        group=last.get("mbstd_group_size", 4),
        statistics=last.get("mbstd_num_channels", 1),
        projected=chosen.get("cmap_dim"),
        mapping_layers=chosen.get("mapping_kwargs", {}).get("num_layers", 8),
    )
    state = {name.removeprefix("state/"): t for name, t in arrays.items() if name.startswith("state/")}
    network.load_state_dict(state, strict=True)
    network.to(dtype, memory_format=torch.channels_last)  # as training on a CPU has it
    arrays = {n: t.to(dtype) if n.startswith("in/") else t for n, t in arrays.items()}
    arrays["in/img"] = arrays["in/img"].contiguous(memory_format=torch.channels_last)
    return Case(request.param, network, arrays, dtype, told["r1_gamma"])


@torch.no_grad()
def test_logits_and_features(case, ledger):
    features: dict[int, Tensor] = {}
    hooks = [
        block.register_forward_hook(lambda _, __, out, side=side: features.__setitem__(side, out[0][:1]))
        for block, side in zip(case.network.blocks(), (32, 16, 8), strict=True)
    ]
    ledger.same("logits", case.logits(), *case.truth("logits"))
    for side, value in features.items():
        ledger.same(f"block{side}", value, *case.truth(f"block{side}_x_s0"))
    for hook in hooks:
        hook.remove()
    for n in (4, 2, 1):  # the minibatch statistic depends on the batch
        ledger.same(f"first {n}", case.logits(n), *case.truth(f"logits_first{n}"))
    if case.given("c") is not None:
        ledger.same("cmap", case.network.mapping(None, case.given("c")), *case.truth("cmap"))
    assert len(ledger.errors) == (7 if case.given("c") is None else 8)


def test_r1_and_its_gradients(case, ledger):
    images = case.arrays["in/img"].requires_grad_(True)
    logits = case.logits()
    (slopes,) = torch.autograd.grad(logits.sum(), images, retain_graph=True)
    ledger.same("r1_grads", slopes, *case.truth("r1_grads"))
    penalty = steepness(logits.squeeze(1), images)
    ledger.same("r1_penalty", penalty, *case.truth("r1_penalty"))
    (penalty * (case.gamma / 2)).mean().backward()
    compare_gradients(case, ledger, "r1", SMALL if case.name == "resnet_gray_clamp_mb2" else GRADIENT)


def test_loss_and_its_gradients(case, ledger):
    loss = F.softplus(-case.logits()).mean()
    ledger.same("loss_real", loss, *case.truth("loss_real"))
    loss.backward()
    compare_gradients(case, ledger, "loss", GRADIENT)


def compare_gradients(case: Case, ledger, kind: str, within: float) -> None:
    """Every parameter that has a published gradient, or norm of one; no other may have any."""
    published = [name for name in case.arrays if name.startswith((f"out/grad_{kind}/", f"out/gradnorm_{kind}/"))]
    found = dict(case.network.named_parameters())
    for name in published:
        full, parameter = name.startswith("out/grad_"), found[name.split("/", 2)[2]]
        mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        ledger.same(name, mine if full else mine.norm(), case.arrays[name], within)
    assert {name.split("/", 2)[2] for name in published} == set(found)
