"""StyleGAN of TensorFlow, version 3, in our families/stylegan.py.

Its scales are made ours, layer by layer:

- Its leaky ReLU has no gain; layers bring sqrt(2) in their weights. In our mapping the activation brings it, so
  that biases, which are added before, are divided by it.
- He's constant, and the mapping's learning rate multiplier, are multiplied in each time (`use_wscale`), or are in
  the weights already.
- From 128 px on (`fused_scale`), enlarging and convolving are one transposed convolution, whose kernel is mirrored.
- A style's scale is told without the 1 around which it lies.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from forensics.refusal import Refusal
from generators.families.stylegan import StyleGAN, StyleGANConfig
from generators.interop.growing import check_growing, config_of, grown
from generators.interop.networks import Earlier
from generators.interop.told import Told
from generators.interop.variables import Variables

FUSED_FROM = 128  # px, where fused_scale is "auto"
LAYERS, MULTIPLIER = 8, 0.01  # of our mapping
ROOT2 = math.sqrt(2)
HARMLESS = (
    "truncation_psi truncation_psi_val truncation_cutoff_val dlatent_avg_beta style_mixing_prob is_training "
    "is_validation is_template_graph return_dlatents randomize_noise dtype force_clean_graph mapping_func "
    "synthesis_func func_name fmap_base fmap_decay fmap_max num_channels resolution latent_size dlatent_size "
    "mapping_fmaps dlatent_broadcast mapping_layers"
).split()
AS_PUBLISHED = {  # what our network cannot do without, or with
    "label_size": 0,
    "normalize_latents": True,
    "use_styles": True,
    "const_input_layer": True,
    "use_noise": True,
    "use_pixel_norm": False,
    "use_instance_norm": True,
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "blur_filter": [1, 2, 1],
}


def generator(of: Variables, size: int) -> Earlier:
    """`of`: variables of a generator with those inside it; `size`: bytes of the file. Raises Refusal."""
    told = Told(of.of, of.options)
    told.drop(*HARMLESS)
    for name, wanted in AS_PUBLISHED.items():
        if (value := told.given.pop(name, wanted)) != wanted:
            raise told.odd(name, value, f"{wanted}, as in our StyleGAN")
    scaled = told.one_of("use_wscale", True, (True, False))
    fused = told.one_of("fused_scale", "auto", ("auto", True, False))
    multiplier = told.number("mapping_lrmul", MULTIPLIER)
    cutoff = told.whole_or_none("truncation_cutoff", 8, 1)
    structure = told.one_of("structure", "auto", ("auto", "fixed", "linear", "recursive"))
    told.done()
    resolution = of.resolution("Conv1/weight")
    tensors = mapping(of, scaled, multiplier)
    tensors["start"] = of.take("synthesis/4x4/Const/const", 4)
    noise = 0
    for stage in range(resolution.bit_length() - 2):
        side = 4 * 2**stage
        there = f"synthesis/{side}x{side}"
        for name in ("Conv0_up", "Conv1") if stage else ("Const", "Conv"):
            here = f"layers.{noise}"
            bias = of.vector(f"{there}/{name}/bias")
            if name == "Const":
                tensors[f"{here}.bias"] = bias
            else:
                mirrored = name == "Conv0_up" and (side >= FUSED_FROM if fused == "auto" else bool(fused))
                kernel = of.kernel(f"{there}/{name}/weight", mirrored)
                tensors[f"{here}.conv.weight"] = kernel if scaled else kernel / he(kernel, ROOT2)
                tensors[f"{here}.conv.bias"] = bias
            tensors |= style(of, f"{there}/{name}", here, scaled)
            tensors[f"{here}.noise"] = of.noise(f"synthesis/noise{noise}")
            noise += 1
        lod = resolution.bit_length() - 3 - stage
        kernel = of.kernel(f"synthesis/ToRGB_lod{lod}/weight")
        tensors[f"rgb.{stage}.weight"] = kernel if scaled else kernel / he(kernel, 1)
        tensors[f"rgb.{stage}.bias"] = of.vector(f"synthesis/ToRGB_lod{lod}/bias")
    level = next((of.number(name) for name in ("lod", "synthesis/lod") if name in of.arrays), 0.0)
    of.done("lod", "synthesis/lod")
    tensors |= grown(0.0 if structure == "fixed" else level, resolution, of.of)
    config = config_of(StyleGANConfig, tensors, resolution, of.of, cutoff=cutoff)
    return Earlier("stylegan", config, check_growing(StyleGAN, config, tensors, of.of, size))


def mapping(of: Variables, scaled: bool, multiplier: float) -> dict[str, Tensor]:
    """Eight dense layers and the mean w. Effective weights are √2 · multiplier · W / sqrt(fan-in) there."""
    tensors = {}
    if f"mapping/Dense{LAYERS}/weight" in of.arrays or f"mapping/Dense{LAYERS - 1}/weight" not in of.arrays:
        raise Refusal(f"{of.of} has not {LAYERS} layers in its mapping, as our StyleGAN has")
    for number in range(LAYERS):
        weight = of.matrix(f"mapping/Dense{number}/weight")
        weight = weight if scaled else weight / he(weight, ROOT2)
        tensors[f"mapping.fc{number}.weight"] = weight * (multiplier / MULTIPLIER)
        tensors[f"mapping.fc{number}.bias"] = of.vector(f"mapping/Dense{number}/bias") * (
            multiplier / MULTIPLIER / ROOT2
        )
    return tensors | {"mapping.w_avg": of.vector("dlatent_avg")}


def style(of: Variables, there: str, here: str, scaled: bool) -> dict[str, Tensor]:
    """The affine map of w, (W, 2 C) there, scales first; and the strengths of noise."""
    weight, bias = of.matrix(f"{there}/StyleMod/weight"), of.vector(f"{there}/StyleMod/bias")
    scales = torch.arange(len(bias)) < len(bias) // 2
    return {
        f"{here}.style.weight": weight if scaled else weight / he(weight, 1),
        f"{here}.style.bias": bias + scales.float(),
        f"{here}.strength": of.vector(f"{there}/Noise/weight"),
    }


def he(weight: Tensor, gain: float) -> float:
    """What our layers multiply weights (O, ...) by each time."""
    return gain / math.sqrt(weight[0].numel())
