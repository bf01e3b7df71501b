"""Generators of ProGAN and StyleGAN as their papers and files have them, in plain numpy, with TensorFlow's layouts.

Written from the papers (2018, table 2 and section 4.1; 2019, section 2, appendices B and C) to test the importer's
scales and layouts: kernels (H, W, I, O), leaky ReLU without a gain, He's constant times each weight.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

ROOT2 = math.sqrt(2)


def lrelu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


def pixel_norm(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-8)


def scaled(w: np.ndarray, gain: float, wscale: bool, lrmul: float = 1.0) -> np.ndarray:
    """A weight (..., O) as it is used."""
    fan_in = math.prod(w.shape[:-1])
    return w.astype(np.float64) * ((gain / math.sqrt(fan_in) if wscale else 1) * lrmul)


def conv(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(N, I, H, W), (K, K, I, O) → (N, O, H, W), the kernel not mirrored, zeros around."""
    k, (high, wide) = w.shape[0], x.shape[2:]
    around = np.pad(x, ((0, 0), (0, 0), (k // 2,) * 2, (k // 2,) * 2))
    return sum(
        np.einsum("nihw,io->nohw", around[:, :, i : i + high, j : j + wide], w[i, j])
        for i in range(k)
        for j in range(k)
    )


def repeated(x: np.ndarray) -> np.ndarray:
    return x.repeat(2, 2).repeat(2, 3)


def transposed(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(N, I, H, W), (3, 3, I, O) → (N, O, 2 H, 2 W): the kernel's four shifts added, each pixel stamped with it."""
    p = np.pad(w, ((1, 1), (1, 1), (0, 0), (0, 0)))
    w = p[1:, 1:] + p[:-1, 1:] + p[1:, :-1] + p[:-1, :-1]  # (4, 4, I, O)
    n, _, high, wide = x.shape
    out = np.zeros((n, w.shape[3], 2 * high + 2, 2 * wide + 2))
    for i in range(4):
        for j in range(4):
            out[:, :, i : i + 2 * high : 2, j : j + 2 * wide : 2] += np.einsum("nihw,io->nohw", x, w[i, j])
    return out[:, :, 1:-1, 1:-1]


def blur(x: np.ndarray) -> np.ndarray:
    taps = np.outer([1, 2, 1], [1, 2, 1]) / 16
    around = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    high, wide = x.shape[2:]
    return sum(taps[i, j] * around[:, :, i : i + high, j : j + wide] for i in range(3) for j in range(3))


def column(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)[None, :, None, None]


def level_of(pictures: list[np.ndarray], lod: float) -> np.ndarray:
    """Pictures of 4x4, 8x8, ... as they are shown at a level of detail: 0 is the last."""
    last, shown = len(pictures) - 1, pictures[0]
    for stage in range(1, last + 1):
        t = min(max(lod - (last - stage), 0), 1)  # 1: the stage before, enlarged
        before = repeated(shown)
        shown = pictures[stage] + (before - pictures[stage]) * t
    return shown


@dataclass
class ProGAN:
    """A generator at random. `fused`: enlarging and convolving in one, with kernels (H, W, O, I)."""

    resolution: int = 16
    latent: int = 6
    widths: tuple[int, ...] = (8, 8, 4)
    fused: bool = True
    wscale: bool = True
    lod: float = 0.0
    v: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        rng = np.random.default_rng(3)

        def draw(*shape: int) -> np.ndarray:
            size = 1 if self.wscale or len(shape) == 1 else 0.3
            return (rng.standard_normal(shape) * size).astype(np.float32)

        v, last = self.v, len(self.widths) - 1
        v["lod"] = np.float32(self.lod) * np.ones((), np.float32)
        v["4x4/Dense/weight"], v["4x4/Dense/bias"] = draw(self.latent, self.widths[0] * 16), draw(self.widths[0])
        v["4x4/Conv/weight"], v["4x4/Conv/bias"] = draw(3, 3, self.widths[0], self.widths[0]), draw(self.widths[0])
        for stage, o in enumerate(self.widths):
            side, i = 4 * 2**stage, self.widths[max(stage - 1, 0)]
            if stage:
                first = "Conv0_up" if self.fused else "Conv0"
                v[f"{side}x{side}/{first}/weight"] = draw(3, 3, *((o, i) if self.fused else (i, o)))
                v[f"{side}x{side}/{first}/bias"] = draw(o)
                v[f"{side}x{side}/Conv1/weight"], v[f"{side}x{side}/Conv1/bias"] = draw(3, 3, o, o), draw(o)
            lod = last - stage
            v[f"ToRGB_lod{lod}/weight"], v[f"ToRGB_lod{lod}/bias"] = draw(1, 1, o, 3), draw(3)

    def pictures(self, z: np.ndarray) -> np.ndarray:
        v, last, made = self.v, len(self.widths) - 1, []
        x = pixel_norm(z)
        x = x @ scaled(v["4x4/Dense/weight"], ROOT2 / 4, self.wscale)
        x = x.reshape(len(z), self.widths[0], 4, 4)
        x = pixel_norm(lrelu(x + column(v["4x4/Dense/bias"])))
        for stage in range(last + 1):
            side = 4 * 2**stage
            for name in ("Conv0_up", "Conv0", "Conv1", "Conv"):
                w = v.get(f"{side}x{side}/{name}/weight")
                if w is None:
                    continue
                if name == "Conv0_up":
                    fan_in = 9 * w.shape[3]
                    w = w.astype(np.float64) * (ROOT2 / math.sqrt(fan_in) if self.wscale else 1)
                    x = transposed(x, w.transpose(0, 1, 3, 2))
                else:
                    x = conv(repeated(x) if name == "Conv0" else x, scaled(w, ROOT2, self.wscale))
                x = pixel_norm(lrelu(x + column(v[f"{side}x{side}/{name}/bias"])))
            lod = last - stage
            made.append(
                conv(x, scaled(v[f"ToRGB_lod{lod}/weight"], 1, self.wscale)) + column(v[f"ToRGB_lod{lod}/bias"])
            )
        return level_of(made, self.lod)


@dataclass
class StyleGAN:
    """A generator at random. `fused`: as told, "auto" from 128 px on."""

    resolution: int = 16
    latent: int = 6
    widths: tuple[int, ...] = (8, 8, 4)
    fused: bool | str = "auto"
    wscale: bool = True
    lrmul: float = 0.01
    lod: float = 0.0
    main: dict[str, np.ndarray] = field(default_factory=dict)
    mapping: dict[str, np.ndarray] = field(default_factory=dict)
    synthesis: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self):
        rng = np.random.default_rng(4)

        def draw(*shape: int, size: float = 1.0) -> np.ndarray:
            return (rng.standard_normal(shape) * size).astype(np.float32)

        fit, n = (1.0 if self.wscale else 0.3), self.latent
        self.main = {"lod": np.full((), self.lod, np.float32), "dlatent_avg": draw(n)}
        for number in range(8):
            self.mapping[f"Dense{number}/weight"] = draw(n, n, size=fit / self.lrmul)
            self.mapping[f"Dense{number}/bias"] = draw(n, size=0.3 / self.lrmul)
        v, last = self.synthesis, len(self.widths) - 1
        v["lod"] = np.zeros((), np.float32)
        v["4x4/Const/const"] = draw(1, self.widths[0], 4, 4)
        for stage, o in enumerate(self.widths):
            side, i = 4 * 2**stage, self.widths[max(stage - 1, 0)]
            for place, name in enumerate(("Conv0_up", "Conv1") if stage else ("Const", "Conv")):
                at = f"{side}x{side}/{name}"
                if name != "Const":
                    v[f"{at}/weight"] = draw(3, 3, i if name == "Conv0_up" else o, o, size=fit)
                v[f"{at}/bias"], v[f"{at}/Noise/weight"] = draw(o), draw(o)
                v[f"{at}/StyleMod/weight"] = draw(n, 2 * o, size=fit)
                v[f"{at}/StyleMod/bias"] = draw(2 * o)
                v[f"noise{2 * stage + place}"] = draw(1, 1, side, side)
            v[f"ToRGB_lod{last - stage}/weight"] = draw(1, 1, o, 3, size=fit)
            v[f"ToRGB_lod{last - stage}/bias"] = draw(3)

    def w(self, z: np.ndarray) -> np.ndarray:
        x = pixel_norm(z)
        for number in range(8):
            x = x @ scaled(self.mapping[f"Dense{number}/weight"], ROOT2, self.wscale, self.lrmul)
            x = lrelu(x + self.mapping[f"Dense{number}/bias"].astype(np.float64) * self.lrmul)
        return x

    def pictures(self, z: np.ndarray, psi: float = 1.0, cutoff: int = 8) -> np.ndarray:
        v, last, made = self.synthesis, len(self.widths) - 1, []
        w, mean = self.w(z), self.main["dlatent_avg"].astype(np.float64)
        x = np.repeat(v["4x4/Const/const"].astype(np.float64), len(z), 0)
        for stage in range(last + 1):
            side = 4 * 2**stage
            for place, name in enumerate(("Conv0_up", "Conv1") if stage else ("Const", "Conv")):
                at, layer = f"{side}x{side}/{name}", 2 * stage + place
                if name == "Conv0_up":
                    kernel = scaled(v[f"{at}/weight"], ROOT2, self.wscale)
                    one_step = side >= 128 if self.fused == "auto" else self.fused
                    x = blur(transposed(x, kernel) if one_step else conv(repeated(x), kernel))
                elif name != "Const":
                    x = conv(x, scaled(v[f"{at}/weight"], ROOT2, self.wscale))
                x = x + v[f"noise{layer}"].astype(np.float64) * column(v[f"{at}/Noise/weight"])
                x = lrelu(x + column(v[f"{at}/bias"]))
                x = x - x.mean((2, 3), keepdims=True)
                x = x / np.sqrt((x * x).mean((2, 3), keepdims=True) + 1e-8)
                near = mean + psi * (w - mean) if layer < cutoff else w
                style = near @ scaled(v[f"{at}/StyleMod/weight"], 1, self.wscale) + v[f"{at}/StyleMod/bias"]
                scale, shift = np.split(style[:, :, None, None], 2, axis=1)
                x = x * (scale + 1) + shift
            at = f"ToRGB_lod{last - stage}"
            made.append(conv(x, scaled(v[f"{at}/weight"], 1, self.wscale)) + column(v[f"{at}/bias"]))
        return level_of(made, self.lod)
