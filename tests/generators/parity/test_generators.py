"""Five generators of StyleGAN2 against the published numbers: skip, residual, plain; labels, grey, clamps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from generators.families.stylegan2 import path_lengths
from generators.mapping import Mapping
from generators.synthesis import Synthesis

NAMES = ("skip_cond4", "skip_uncond", "resnet_uncond", "orig_cond4", "skip_map2_gray_clamp")
F64, F32 = torch.float64, torch.float32
EXACT, FORWARD, GRADIENT = 1e-10, 1e-5, 5e-5


@dataclass
class Case:
    """A network with the published weights, its inputs and what should come out."""

    mapping: Mapping
    synthesis: Synthesis
    arrays: dict[str, Tensor]
    dtype: torch.dtype

    def given(self, name: str) -> Tensor | None:
        return self.arrays.get(f"in/{name}")

    def truth(self, name: str) -> tuple[Tensor, float]:
        """The published value and how near we must come: the float64 one where there is one."""
        if self.dtype == F64 and f"out64/{name}" in self.arrays:
            return self.arrays[f"out64/{name}"], EXACT
        found = self.arrays.get(f"out64/{name}", self.arrays.get(f"out/{name}"))
        assert found is not None, f"{name} is not published"
        return found, GRADIENT if "grad" in name or "pl_" in name else FORWARD

    def parameters(self) -> dict[str, nn.Parameter]:
        parts = {"mapping": self.mapping, "synthesis": self.synthesis}
        return {f"{part}.{n}": p for part, network in parts.items() for n, p in network.named_parameters()}


@pytest.fixture(params=[F64, F32], ids=["float64", "float32"])
def dtype(request) -> torch.dtype:
    return request.param


@pytest.fixture(params=NAMES)
def case(request, published, dtype) -> Case:
    stem = f"sg2_G_{request.param}"
    told, arrays = published.told(stem)["kwargs"], published.arrays(stem)
    chosen = told["synthesis_kwargs"]
    synthesis = Synthesis(
        told["w_dim"],
        told["img_resolution"],
        told["img_channels"],
        base=chosen["channel_base"],
        most=chosen["channel_max"],
        architecture=chosen.get("architecture", "skip"),
        activation=chosen.get("activation", "lrelu"),
        filter=chosen.get("resample_filter", (1, 3, 3, 1)),
        clamp=chosen.get("conv_clamp"),
    )
    assert synthesis.layers == published.told(stem)["num_ws"]
    chosen = told["mapping_kwargs"]
    mapping = Mapping(
        told["z_dim"],
        told["c_dim"],
        told["w_dim"],
        synthesis.layers,
        layers=chosen.get("num_layers", 8),
        width=chosen.get("layer_features"),
        embed=chosen.get("embed_features"),
        activation=chosen.get("activation", "lrelu"),
        lr_multiplier=chosen.get("lr_multiplier", 0.01),
    )
    both = nn.ModuleDict({"mapping": mapping, "synthesis": synthesis})
    state = {name.removeprefix("state/"): t for name, t in arrays.items() if name.startswith("state/")}
    both.load_state_dict(state, strict=True)
    both.to(dtype, memory_format=torch.channels_last).eval()  # as training on a CPU has it
    arrays = {n: t.to(dtype) if n.startswith("in/") else t for n, t in arrays.items()}
    return Case(mapping, synthesis, arrays, dtype)


@torch.no_grad()
def test_w_and_pictures(case, ledger):
    z, labels = case.given("z"), case.given("c")

    def same(name: str, ours: Tensor) -> None:
        ledger.same(name, ours, *case.truth(name))

    ws = case.mapping(z, labels)
    near = case.mapping(z, labels, truncation=0.7)
    same("w", ws)
    same("w_psi0.7", near)
    same("w_psi0.5_cutoff4", case.mapping(z, labels, truncation=0.5, cutoff=4))
    for name, block in zip((4, 8, 16, 32), case.synthesis.blocks(), strict=True):
        block.register_forward_hook(lambda _, __, out, name=name: features.__setitem__(name, out[0][:1]))
    features: dict[int, Tensor] = {}
    same("img_const", case.synthesis(ws, "const", "literal"))
    for name, value in features.items():
        same(f"block{name}_x_s0", value)
    same("img_const_unfused", case.synthesis(ws, "const", "scaled"))
    same("img_const", case.synthesis(ws, "const"))
    same("img_none", case.synthesis(ws, "none"))
    same("img_psi0.7_const", case.synthesis(near, "const"))
    half = len(z) // 2
    mixed = torch.cat([ws[:half, :4], ws[half:, 4:]], 1)
    same("img_mix4_const", case.synthesis(mixed, "const"))
    assert len(ledger.errors) == 12


@torch.no_grad()
def test_random_noise_is_drawn_anew_and_scaled_by_its_strength(case):
    ws = case.mapping(case.given("z"), case.given("c"))
    one, other = case.synthesis(ws, "random"), case.synthesis(ws, "random")
    assert not torch.equal(one, other)
    for name, parameter in case.synthesis.named_parameters():
        if name.endswith("noise_strength"):
            parameter.zero_()
    assert torch.equal(case.synthesis(ws, "random"), case.synthesis(ws, "none"))


def test_gradients_of_a_picture_in_training_mode(case, ledger):
    case.mapping.train()
    case.synthesis.train()
    z = case.given("z").requires_grad_(True)
    images = case.synthesis(case.mapping(z, case.given("c")), "const")
    ledger.same("w_avg", case.mapping.w_avg, *case.truth("w_avg_after_train_step"))
    ledger.same("img_train_const", images, *case.truth("img_train_const"))
    (images * case.given("cotangent")).sum().backward()
    ledger.same("grad_z", z.grad, *case.truth("grad_z"))
    compare_gradients(case, ledger, "img")


def test_path_length_penalty_and_its_gradients(case, ledger):
    case.mapping.train()
    case.synthesis.train()
    half = len(case.given("z")) // 2
    labels = case.given("c")
    ws = case.mapping(case.given("z")[:half], None if labels is None else labels[:half])
    images = case.synthesis(ws, "const")
    lengths = path_lengths(images, ws, case.given("pl_noise"))
    y = case.given("pl_noise") / images[0, 0].numel() ** 0.5
    (gradient,) = torch.autograd.grad((images * y).sum(), ws, retain_graph=True)
    ledger.same("pl_grads", gradient, *case.truth("pl_grads"))
    mean = case.given("pl_mean_before").lerp(lengths.mean(), 0.01)
    penalty = (lengths - mean).square()
    ledger.same("pl_lengths", lengths, *case.truth("pl_lengths"))
    ledger.same("pl_mean_after", mean, *case.truth("pl_mean_after"))
    ledger.same("pl_penalty", penalty, *case.truth("pl_penalty"))
    (images[:, 0, 0, 0] * 0 + penalty * 2).mean().backward()
    compare_gradients(case, ledger, "pl")


def compare_gradients(case: Case, ledger, kind: str) -> None:
    """Every parameter that has a published gradient, or norm of one; no other may have any."""
    published = [name for name in case.arrays if name.startswith((f"out/grad_{kind}/", f"out/gradnorm_{kind}/"))]
    found = case.parameters()
    for name in published:
        full, parameter = name.startswith("out/grad_"), found[name.split("/", 2)[2]]
        mine = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        ledger.same(name, mine if full else mine.norm(), case.arrays[name], GRADIENT)
    assert {name.split("/", 2)[2] for name in published} == set(found)
