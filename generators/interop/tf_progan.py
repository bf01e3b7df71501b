"""ProGAN of TensorFlow, version 2, in our families/progan.py.

Its scales are made ours: its first layer has a quarter of He's constant, as its Theano forerunner had; He's
constant is multiplied in each time (`use_wscale`), or is in the weights already. Where enlarging and convolving
are one transposed convolution ("Conv0_up"), its kernel is mirrored and lies as (H, W, O, I).
"""

from __future__ import annotations

from generators.families.progan import ProGAN, ProGANConfig
from generators.interop.growing import check_growing, config_of, grown
from generators.interop.networks import Earlier
from generators.interop.tf_stylegan import ROOT2, he
from generators.interop.told import Told
from generators.interop.variables import Variables

HARMLESS = (
    "fmap_base fmap_decay fmap_max num_channels resolution latent_size dtype is_template_graph func_name func "
    "tanh_at_end fused_scale"
).split()
AS_PUBLISHED = {  # what our network cannot do without, or with
    "label_size": 0,
    "normalize_latents": True,
    "use_pixelnorm": True,
    "pixelnorm_epsilon": 1e-8,
    "use_leakyrelu": True,
}


def generator(of: Variables, size: int) -> Earlier:
    """`of`: a generator's variables; `size`: bytes of the file. Raises Refusal."""
    told = Told(of.of, of.options)
    if told.given.get("tanh_at_end"):
        raise told.odd("tanh_at_end", told.given["tanh_at_end"], "False, as in our ProGAN")
    told.drop(*HARMLESS)
    for name, wanted in AS_PUBLISHED.items():
        if (value := told.given.pop(name, wanted)) != wanted:
            raise told.odd(name, value, f"{wanted}, as in our ProGAN")
    scaled = told.one_of("use_wscale", True, (True, False))
    structure = told.one_of("structure", "auto", ("auto", "fixed", "linear", "recursive"))
    told.done()
    resolution = of.resolution("Conv1/weight")
    dense = of.matrix("4x4/Dense/weight")  # (16 O, I)
    tensors = {
        "fan.weight": dense / 4 if scaled else dense / he(dense, ROOT2),
        "fan.bias": of.vector("4x4/Dense/bias"),
    }
    for stage in range(resolution.bit_length() - 2):
        side = 4 * 2**stage
        fused = f"{side}x{side}/Conv0_up/weight" in of.arrays
        layers = {"Conv0_up" if fused else "Conv0": f"blocks.{stage - 1}.conv0", "Conv1": f"blocks.{stage - 1}.conv1"}
        for there, here in layers.items() if stage else [("Conv", "conv")]:
            mirrored = there == "Conv0_up"
            kernel = of.kernel(f"{side}x{side}/{there}/weight", mirrored, transposed=mirrored)
            tensors[f"{here}.weight"] = kernel if scaled else kernel / he(kernel, ROOT2)
            tensors[f"{here}.bias"] = of.vector(f"{side}x{side}/{there}/bias")
        lod = resolution.bit_length() - 3 - stage
        kernel = of.kernel(f"ToRGB_lod{lod}/weight")
        tensors[f"rgb.{stage}.weight"] = kernel if scaled else kernel / he(kernel, 1)
        tensors[f"rgb.{stage}.bias"] = of.vector(f"ToRGB_lod{lod}/bias")
    level = of.number("lod") if "lod" in of.arrays else 0.0
    of.done("lod")
    tensors |= grown(0.0 if structure == "fixed" else level, resolution, of.of)
    config = config_of(ProGANConfig, tensors, resolution, of.of)
    return Earlier("progan", config, check_growing(ProGAN, config, tensors, of.of, size))
