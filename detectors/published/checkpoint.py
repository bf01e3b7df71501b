"""Somebody else's weights, read safely: tensors by their names, and nothing else.

A checkpoint is safetensors or what `torch.save` wrote, read with `weights_only=True`: a pickle that wants to call
anything is refused before it does. Its tensors may lie bare or under "model" or "state_dict".
Every name and shape is compared with the network's before anything is copied.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from detectors.published.manifest import Manifest
from forensics.refusal import Refusal

NESTED = ("model", "state_dict")
COUNTERS = "num_batches_tracked"  # no part of the answer; old checkpoints lack it


def find(folder: Path, manifest: Manifest) -> tuple[Path, str]:
    """The file of weights in a folder, and its variant ("" where there are none).

    Raises Refusal when there is none, more than one, or one that does not name its variant.
    """
    present = [folder / name for name in manifest.names if (folder / name).is_file()]
    if len(present) > 1:
        raise Refusal(f"{folder} holds {' and '.join(p.name for p in present)}; keep one of them")
    if present:
        path = present[0]
        inner = path.name.removeprefix(manifest.stem).removesuffix(path.suffix).strip(".")
        return path, inner
    bare = [folder / (manifest.stem + suffix) for suffix in manifest.suffixes]
    for path in bare:
        if manifest.variants and path.is_file():
            raise Refusal(
                f"{path} does not say its {manifest.variant_means}, and its weights can't;"
                f" rename it to {manifest.stem}.{manifest.variant_means.upper()}{path.suffix}{manifest.which_variant}"
            )
    raise Refusal(f"{manifest.title}: no weights in {folder}; {manifest.how_to_get_it}")


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, manifest: Manifest) -> dict[str, Tensor]:
    """The tensors of a file by name, without the manifest's prefixes. Raises Refusal for anything else."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = load_file(path)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of old pickles, and of archives that are refused anyway
                content = torch.load(path, map_location="cpu", weights_only=True)
    except (Exception, MemoryError) as error:  # a reader of hostile files raises whatever it likes
        why = "it is cut short or no checkpoint" if isinstance(error, EOFError) else first_line(error)
        raise Refusal(f"{path} holds no plain tensors ({why}); {expected(manifest)}") from None
    while isinstance(content, Mapping) and not any(map(is_plain, content.values())):
        inner = next((content[key] for key in NESTED if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise Refusal(f"{path} holds a {type(content).__name__}, no tensors by name; {expected(manifest)}")
    state = {key: tensor for key, tensor in content.items() if isinstance(key, str) and is_plain(tensor)}
    if not state:
        raise Refusal(f"{path} holds no tensors by name; {expected(manifest)}")
    for prefix in manifest.prefixes:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return state


def is_plain(value: object) -> bool:
    """A dense tensor with its numbers: not sparse, quantised, complex or without storage."""
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
        and not value.is_complex()
    )


def fill(network: nn.Module, state: Mapping[str, Tensor], path: Path, manifest: Manifest) -> nn.Module:
    """Give `network`, built on the meta device, the tensors of `state`: float32, evaluation mode, no gradients.

    Raises Refusal when a name is missing or unknown, a shape differs, or a value is no number.
    """
    own = network.state_dict()
    given = {
        **{key: torch.zeros(t.shape, dtype=t.dtype) for key, t in own.items() if key.endswith(COUNTERS)},
        **state,
    }
    missing, unknown = [key for key in own if key not in given], [key for key in given if key not in own]
    if missing or unknown:
        parts = [f"{len(missing)} of {len(own)} tensors are missing, '{missing[0]}' first"] if missing else []
        parts += [f"{len(unknown)} are unknown, '{unknown[0]}' first"] if unknown else []
        raise Refusal(f"{path} is not {manifest.title} ({'; '.join(parts)}); {expected(manifest)}")
    for key, tensor in own.items():
        if given[key].shape != tensor.shape:
            shapes = f"'{key}' is {tuple(given[key].shape)}, not {tuple(tensor.shape)}"
            raise Refusal(f"{path} is not {manifest.title} ({shapes}); {expected(manifest)}")
    whole = {key: given[key].to(tensor.dtype).contiguous() for key, tensor in own.items()}
    for key, tensor in whole.items():
        if not torch.isfinite(tensor).all():
            raise Refusal(f"{path} is damaged: '{key}' holds values that are no numbers; get it again")
    network.load_state_dict(whole, assign=True)
    return network.eval().requires_grad_(False)


def expected(manifest: Manifest) -> str:
    return f"expected: {manifest.published_as}"


def first_line(error: BaseException) -> str:
    """What a reader complained of, as one short line. torch's own tell how to read the file unsafely: not ours."""
    text = str(error)
    if "weights_only" in text or "Weights only" in text:
        return "it asks to run code or is no state dict, and nothing is run to read weights"
    line = " ".join((text.splitlines() or [""])[0].split())
    return line[:120] or type(error).__name__
