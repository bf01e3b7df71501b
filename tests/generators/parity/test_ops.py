"""The operations against the published ones, in float64: values, gradients, gradients of gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from generators.layers import Dense, MinibatchStd, unit
from generators.ops.bias_act import ACTIVATIONS, bias_act
from generators.ops.modulated_conv import modulated_conv2d
from generators.ops.resampling_conv import conv2d_resample
from generators.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d

EXACT = 1e-10
HELPERS = {"filter2d": filter2d, "upsample2d": upsample2d, "downsample2d": downsample2d}


def filter_of(arrays: dict[str, Tensor], name: str | None) -> Tensor | None:
    return None if name in (None, "none") else arrays[f"filter/{name}"]


def test_setup_filter(published, ledger):
    truth, cases = published.arrays("setup_filter"), published.told("setup_filter")["cases"]
    assert len(cases) == 16
    for case in cases:
        options = dict(case["args"])
        taps, flip = options.pop("f"), options.pop("flip_filter", False)
        f = setup_filter(taps, flip=flip, **options)
        assert f.dtype == torch.float32
        ledger.same(case["id"], f, truth[case["id"]], 1e-7)


def test_upfirdn2d_and_its_gradient(published, ledger):
    arrays, cases = published.arrays("upfirdn2d"), published.told("upfirdn2d")["cases"]
    assert len(cases) == 36
    for case in cases:
        name = case["id"]
        x = arrays["x"].clone().requires_grad_(True)
        f, cotangent = filter_of(arrays, case["filter"]), arrays[f"{name}/cot"].double()
        y = upfirdn2d(x, f, **case["args"])
        ledger.same(f"{name} y", y, arrays[f"{name}/y"], EXACT)
        cotangent.requires_grad_(True)
        (gx,) = torch.autograd.grad((y * cotangent).sum(), x, create_graph=True)
        ledger.same(f"{name} gx", gx, arrays[f"{name}/gx"], EXACT)
        # The operation is linear: differentiating <gx, v> by the cotangent gives the operation of v.
        v = torch.linspace(-1, 1, x.numel(), dtype=x.dtype).reshape(x.shape)
        (again,) = torch.autograd.grad((gx * v).sum(), cotangent)
        ledger.same(f"{name} ggcot", again, upfirdn2d(v, f, **case["args"]), EXACT)


def test_upfirdn2d_in_float32(published, ledger):
    arrays, cases = published.arrays("upfirdn2d"), published.told("upfirdn2d")["cases"]
    for case in cases:
        y = upfirdn2d(arrays["x"].float(), filter_of(arrays, case["filter"]), **case["args"])
        ledger.same(case["id"], y, arrays[f"{case['id']}/y"], 1e-6)


def test_resampling_by_name(published, ledger):
    arrays, cases = published.arrays("resample_helpers"), published.told("resample_helpers")["cases"]
    assert {case["fn"] for case in cases} == set(HELPERS)
    for case in cases:
        x = F.pad(arrays["x"], [6] * 4, mode="reflect") if "reflect" in case["input"] else arrays["x"]
        y = HELPERS[case["fn"]](x, filter_of(arrays, case["filter"]), **case["args"])
        ledger.same(case["id"], y, arrays[f"{case['id']}/y"], EXACT)


def test_bias_act_to_the_second_derivative(published, ledger):
    arrays, told = published.arrays("bias_act"), published.told("bias_act")
    assert len(told["cases"]) == 101
    assert {case["act"] for case in told["cases"]} == set(ACTIVATIONS)
    for case in told["cases"]:
        name = case["id"]
        its = {key: arrays.get(f"{name}/{key}") for key in "x b cot v u y gx gb ggx ggb ggcot".split()}
        x, cotangent = its["x"].requires_grad_(True), its["cot"].requires_grad_(True)
        learned = [x] if its["b"] is None else [x, its["b"].requires_grad_(True)]
        y = bias_act(x, its["b"], case["dim"], case["act"], **case["args"])
        ledger.same(f"{name} y", y, its["y"], EXACT)
        first = torch.autograd.grad((y * cotangent).sum(), learned, create_graph=True)
        probes = [its["v"], its["u"]][: len(first)]
        again = sum((g * probe).sum() for g, probe in zip(first, probes, strict=True))
        second = torch.autograd.grad(again, [*learned, cotangent], allow_unused=True, materialize_grads=True)
        keys = ["gx", "gb"][: len(first)] + ["ggx", "ggb"][: len(first)] + ["ggcot"]
        for key, ours in zip(keys, [*first, *second], strict=True):
            ledger.same(f"{name} {case['act']} {key}", ours, its[key], EXACT)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_activations_have_the_published_gain(published, act):
    theirs = published.told("bias_act")["defaults"][act]
    assert (ACTIVATIONS[act].alpha, ACTIVATIONS[act].gain) == pytest.approx((theirs["alpha"], theirs["gain"]))


def test_resampling_convolutions(published, ledger):
    arrays, cases = published.arrays("conv_ops"), published.told("conv_ops")["conv_cases"]
    assert len(cases) == 21
    for case in cases:
        name = f"conv/{case['id']}"
        x, w = (arrays[f"{name}/{key}"].requires_grad_(True) for key in "xw")
        y = conv2d_resample(x, w, filter_of(arrays, case["filter"]), **case["args"])
        ledger.same(f"{name} y", y, arrays[f"{name}/y"], EXACT)
        found = torch.autograd.grad((y * arrays[f"{name}/cot"]).sum(), [x, w])
        for key, ours in zip(("gx", "gw"), found, strict=True):
            ledger.same(f"{name} {key}", ours, arrays[f"{name}/{key}"], EXACT)


@pytest.mark.parametrize("way", ["auto", "literal", "scaled"])
def test_modulated_convolutions(published, ledger, way):
    arrays, cases = published.arrays("conv_ops"), published.told("conv_ops")["mod_cases"]
    assert len(cases) == 30
    for case in cases:  # their two ways and ours must all agree
        name = f"mod/{case['id']}"
        keys = ["x", "w", "s", *(["noise"] if case["noise"] else [])]
        its = {key: arrays[f"{name}/{key}"].requires_grad_(True) for key in keys}
        f = arrays["filter/4"] if case["up"] > 1 else None
        options = {key: case[key] for key in ("up", "padding", "demodulate", "flip_weight")}
        y = modulated_conv2d(its["x"], its["w"], its["s"], its.get("noise"), resample_filter=f, way=way, **options)
        ledger.same(f"{name} y", y, arrays[f"{name}/y"], EXACT)
        found = torch.autograd.grad((y * arrays[f"{name}/cot"]).sum(), list(its.values()))
        for key, ours in zip(keys, found, strict=True):
            ledger.same(f"{name} g{key}", ours, arrays[f"{name}/g{key}"], EXACT)


def test_dense_layers(published, ledger):
    arrays, told = published.arrays("layers"), published.told("layers")["fc"]
    assert len(told) == 5
    for case in told:
        name = f"fc/{case['id']}"
        weight, bias = arrays[f"{name}/weight"], arrays.get(f"{name}/bias")
        assert (bias is not None) == case["bias"]
        options = {key: case[key] for key in ("bias", "activation", "lr_multiplier", "bias_init")}
        layer = Dense(weight.shape[1], weight.shape[0], **options).double()
        if case["bias"]:
            assert torch.equal(layer.bias, torch.full_like(layer.bias, case["bias_init"]))
        layer.load_state_dict({"weight": weight} | ({} if bias is None else {"bias": bias}))
        ledger.same(name, layer(arrays[f"{name}/x"]), arrays[f"{name}/y"], EXACT)


def test_minibatch_standard_deviation(published, ledger):
    arrays, told = published.arrays("layers"), published.told("layers")["mbstd"]
    assert len(told) == 7
    for case in told:
        name = f"mbstd/{case['id']}"
        x = arrays[f"{name}/x"].requires_grad_(True)
        assert len(x) == case["N"]
        y = MinibatchStd(case["group_size"] or case["N"], case["num_channels"])(x)
        ledger.same(f"{name} y", y, arrays[f"{name}/y"], EXACT)
        (gx,) = torch.autograd.grad((y * arrays[f"{name}/cot"]).sum(), x)
        ledger.same(f"{name} gx", gx, arrays[f"{name}/gx"], EXACT)


def test_second_moment_normalisation(published, ledger):
    arrays = published.arrays("layers")
    ledger.same("norm2", unit(arrays["norm2/x"]), arrays["norm2/y"], EXACT)
