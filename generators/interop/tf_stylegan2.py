"""StyleGAN2 and its ADA of TensorFlow, versions 4 and 5: the same numbers as in PyTorch, laid out otherwise.

Kernels lie as (H, W, I, O), matrices as (I, O); a kernel that enlarges is a transposed convolution's there, so
mirrored; a style's bias is told without the 1 around which it lies. Scales are the same.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from forensics.refusal import Refusal
from generators.interop.networks import Critic, Painter, built, check_fit, filters, sound
from generators.interop.options import Options, base_and_most, critic_from, generator_from
from generators.interop.told import Told
from generators.interop.variables import Variables

# What only training, or how quickly it runs, depends on; and widths, which the variables tell.
HARMLESS = frozenset(
    "truncation_psi truncation_cutoff truncation_psi_val truncation_cutoff_val dlatent_avg_beta w_avg_beta "
    "style_mixing_prob is_training is_validation is_template_graph return_dlatents randomize_noise dtype impl "
    "fused_modconv fused_conv force_clean_graph mapping_func synthesis_func func_name structure fmap_base fmap_decay "
    "fmap_min fmap_max num_fp16_res fp16_channels_last dlatent_broadcast freeze_layers fmap_const use_spectral_norm "
    "latent_size label_size dlatent_size resolution num_channels mapping_layers mapping_fmaps label_fmaps".split()
)


def generator(of: Variables, size: int) -> Painter:
    """`of`: variables of a generator with those inside it; `size`: bytes of the file. Raises Refusal."""
    told = Told(of.of, {name: value for name, value in of.options.items() if name not in HARMLESS})
    if told.one_of("normalize_latents", True, (True, False)) is False:
        raise Refusal(f"{of.of} does not normalise its z; StyleGAN2's networks here do")
    if "mapping/LabelConcat/weight" in of.arrays:
        raise Refusal(
            f"{of.of} has labels as StyleGAN2 had them before ADA; networks without them, or of ADA, are read"
        )
    resolution = of.resolution("Conv1/weight")
    tensors, widths = synthesis(of, resolution)
    deep = mapping(of, "mapping/Dense{}", "mapping/LabelEmbed", "mapping.")
    tensors |= deep | {"mapping.w_avg": of.vector("dlatent_avg")}
    of.done("lod", "synthesis/lod")
    base, most = base_and_most(widths, of.of)
    kwargs: dict[str, Any] = {
        "img_resolution": resolution,
        "img_channels": len(tensors[f"synthesis.b{resolution}.torgb.bias"]),
        "channel_base": base,
        "channel_max": most,
        "w_dim": len(tensors["mapping.w_avg"]),
        **mapping_shapes(deep, "mapping."),
        "architecture": told.given.pop("architecture", "skip"),
        "activation": told.given.pop("nonlinearity", "lrelu"),
        "conv_clamp": told.given.pop("conv_clamp", None),
        "resample_filter": told.taps("resample_kernel"),
        "use_noise": told.given.pop("use_noise", True),
    }
    kwargs["mapping_kwargs"] |= learning(told, 0.01)
    told.done()
    options = generator_from(kwargs, of.of)
    return Painter(options, fitted(tensors, options, of.of, size))


def synthesis(of: Variables, resolution: int) -> tuple[dict[str, Tensor], dict[int, int]]:
    """Tensors of the synthesis under NVIDIA's names, and feature maps by resolution."""
    tensors, widths, noise = {}, {}, 0
    tensors["synthesis.b4.const"] = of.take("synthesis/4x4/Const/const", 4)[0]
    for power in range(2, resolution.bit_length()):
        side = 2**power
        there, here = f"synthesis/{side}x{side}", f"synthesis.b{side}"
        layers = {"Conv": "conv1"} if side == 4 else {"Conv0_up": "conv0", "Conv1": "conv1"}
        for theirs, ours in layers.items():
            tensors |= styled(of, f"{there}/{theirs}", f"{here}.{ours}", mirrored=theirs == "Conv0_up")
            if f"{there}/{theirs}/noise_strength" in of.arrays:
                strength = of.take(f"{there}/{theirs}/noise_strength", 0)
                tensors[f"{here}.{ours}.noise_strength"] = strength
                tensors[f"{here}.{ours}.noise_const"] = of.noise(f"synthesis/noise{noise}")[0, 0]
            noise += 1
        if f"{there}/ToRGB/weight" in of.arrays:
            tensors |= styled(of, f"{there}/ToRGB", f"{here}.torgb")
        if f"{there}/Skip/weight" in of.arrays:
            tensors[f"{here}.skip.weight"] = of.kernel(f"{there}/Skip/weight", mirrored=True)
        widths[side] = len(tensors[f"{here}.conv1.bias"])
    if f"synthesis.b{resolution}.torgb.bias" not in tensors:
        raise Refusal(f"{of.of} has no layer ToRGB at {resolution} px; get the file anew")
    return tensors, widths


def styled(of: Variables, there: str, here: str, mirrored: bool = False) -> dict[str, Tensor]:
    return {
        f"{here}.weight": of.kernel(f"{there}/weight", mirrored),
        f"{here}.bias": of.vector(f"{there}/bias"),
        f"{here}.affine.weight": of.matrix(f"{there}/mod_weight"),
        f"{here}.affine.bias": of.vector(f"{there}/mod_bias") + 1,
    }


def mapping(of: Variables, layer: str, embedding: str, here: str) -> dict[str, Tensor]:
    """Dense layers, as many as there are, and the labels' embedding. `layer`: their names, "{}" for the number."""
    tensors = {}
    if f"{embedding}/weight" in of.arrays:
        tensors |= dense(of, embedding, f"{here}embed")
    number = 0
    while f"{layer.format(number)}/weight" in of.arrays:
        tensors |= dense(of, layer.format(number), f"{here}fc{number}")
        number += 1
    return tensors


def dense(of: Variables, there: str, here: str) -> dict[str, Tensor]:
    return {f"{here}.weight": of.matrix(f"{there}/weight"), f"{here}.bias": of.vector(f"{there}/bias")}


def mapping_shapes(tensors: dict[str, Tensor], here: str) -> dict[str, Any]:
    """What a mapping's tensors tell: widths of z and labels, and mapping_kwargs."""
    embedding, first = tensors.get(f"{here}embed.weight"), tensors.get(f"{here}fc0.weight")
    embed, labels = (0, 0) if embedding is None else embedding.shape
    layers = sum(name.endswith(".weight") for name in tensors) - bool(labels)
    last = tensors.get(f"{here}fc{layers - 1}.weight")
    w = 0 if last is None else len(last)  # which widths are, where none is told
    shapes = {"num_layers": layers, "embed_features": embed if embed and embed != w else None}
    if first is not None and len(first) != w:
        shapes["layer_features"] = len(first)
    return {"z_dim": 0 if first is None else first.shape[1] - embed, "c_dim": labels, "mapping_kwargs": shapes}


def learning(told: Told, multiplier: float) -> dict[str, Any]:
    """`multiplier`: where none is told."""
    return {
        "activation": told.given.pop("mapping_nonlinearity", "lrelu"),
        "lr_multiplier": told.given.pop("mapping_lrmul", multiplier),
    }


def critic(of: Variables, size: int) -> Critic:
    """`of`: variables of a discriminator. Raises Refusal as `generator` does."""
    told = Told(of.of, {name: value for name, value in of.options.items() if name not in HARMLESS})
    resolution = of.resolution("Conv0/weight")
    channels = of.take(f"{resolution}x{resolution}/FromRGB/weight", 4).shape[2]
    tensors, widths = {}, {}
    for power in range(resolution.bit_length() - 1, 2, -1):
        side = 2**power
        for theirs, ours in (("FromRGB", "fromrgb"), ("Conv0", "conv0"), ("Conv1_down", "conv1"), ("Skip", "skip")):
            tensors |= plain(of, f"{side}x{side}/{theirs}", f"b{side}.{ours}")
        widths[side] = len(of.take(f"{side}x{side}/Conv0/bias", 1))
    tensors |= plain(of, "4x4/FromRGB", "b4.fromrgb") | plain(of, "4x4/Conv", "b4.conv")
    tensors |= dense(of, "4x4/Dense0", "b4.fc") | dense(of, "Output", "b4.out")
    deep = mapping(of, "Mapping{}", "LabelEmbed", "mapping.")
    of.done("lod")
    tensors |= deep
    if not deep and len(tensors["b4.out.bias"]) > 1:
        raise Refusal(
            f"{of.of} has labels as StyleGAN2 had them before ADA; networks without them, or of ADA, are read"
        )
    widths[4] = len(tensors["b4.conv.bias"])
    base, most = base_and_most(widths, of.of)
    shapes = mapping_shapes(deep, "mapping.")
    activation = told.given.pop("nonlinearity", "lrelu")
    kwargs = {
        "c_dim": shapes["c_dim"],
        "img_resolution": resolution,
        "img_channels": channels,
        "channel_base": base,
        "channel_max": most,
        "architecture": told.given.pop("architecture", "resnet"),
        "conv_clamp": told.given.pop("conv_clamp", None),
        "cmap_dim": len(tensors["b4.out.bias"]) if deep else None,
        "block_kwargs": {"activation": activation, "resample_filter": told.taps("resample_kernel")},
        "mapping_kwargs": {**shapes["mapping_kwargs"], **learning(told, 0.1)} if deep else {},
        "epilogue_kwargs": {
            "activation": activation,
            "mbstd_group_size": told.given.pop("mbstd_group_size", 4),
            "mbstd_num_channels": told.given.pop("mbstd_num_features", 1),
        },
    }
    told.drop("mapping_lrmul", "mapping_nonlinearity")  # of a mapping that is not there
    told.done()
    options = critic_from(kwargs, of.of)
    return Critic(options, fitted(tensors, options, of.of, size))


def plain(of: Variables, there: str, here: str) -> dict[str, Tensor]:
    """A convolution where there is one, with its bias where it has one."""
    found = {}
    if f"{there}/weight" in of.arrays:
        found[f"{here}.weight"] = of.kernel(f"{there}/weight")
    if f"{there}/bias" in of.arrays:
        found[f"{here}.bias"] = of.vector(f"{there}/bias")
    return found


def fitted(tensors: dict[str, Tensor], options: Options, of: str, size: int) -> dict[str, Tensor]:
    """With the filters that TensorFlow's files leave to the code, and checked."""
    tensors = tensors | filters(options, of)
    check_fit(built(options, of), tensors, of, size)
    return sound(tensors, of)
