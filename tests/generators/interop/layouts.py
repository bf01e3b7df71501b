"""Writes files in the layouts of other codes, with random weights: what NVIDIA's pickles look like from outside."""

from __future__ import annotations

import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from generators.interop.networks import built
from generators.interop.options import GeneratorOptions, Options

TRAP = "raise RuntimeError('embedded source was executed')\n"


@contextmanager
def posing(**attributes: Mapping[str, Any]) -> Iterator[None]:
    """Modules that are there while a file is written: "torch_utils__persistence" → torch_utils.persistence."""
    before = dict(sys.modules)
    try:
        for name, content in attributes.items():
            module = types.ModuleType(name.replace("__", "."))
            for key, value in content.items():
                value.__module__, value.__qualname__ = module.__name__, key
                setattr(module, key, value)
            sys.modules[module.__name__] = module
        yield
    finally:
        sys.modules.clear()
        sys.modules.update(before)


class EasyDict(dict):
    pass


def reconstruct(meta):
    raise AssertionError("a writer's stand-in was called")


class Persistent:
    """Pickles as a module of NVIDIA's does."""

    def __init__(self, meta: dict[str, Any]):
        self.meta = meta

    def __reduce__(self):
        return reconstruct, (self.meta,)


class TFNetwork:
    """Pickles as a network of NVIDIA's TensorFlow code does."""

    def __init__(self, state: dict[str, Any]):
        self.state = state

    def __getstate__(self):
        return self.state


def seeded(options: Options, seed: int = 0) -> nn.Module:
    """A network of options in which every number matters."""
    network = built(options, "a test", "cpu").eval()
    rng = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if not name.endswith("resample_filter"):
            tensor.copy_(torch.randn(tensor.shape, generator=rng) * (0.1 if name.endswith("bias") else 1))
    return network


def persistent(module: nn.Module, kind: str, kwargs: dict[str, Any], attributes: Mapping[str, Mapping[str, Any]]):
    """`attributes`: what modules tell of themselves, by their names in the network ("" is the network)."""

    def one(module: nn.Module, name: str, kind: str, kwargs: dict[str, Any]) -> Persistent:
        inner = {n: one(m, f"{name}.{n}".strip("."), type(m).__name__, {}) for n, m in module.named_children()}
        state = {
            "training": False,
            "_parameters": dict(module.named_parameters(recurse=False)) | {"none": None},
            "_buffers": OrderedDict(module.named_buffers(recurse=False)),
            "_non_persistent_buffers_set": set(),
            "_forward_hooks": OrderedDict(),
            "_modules": inner,
            "weight_gain": np.float64(0.5),
            **attributes.get(name, {}),
            "_init_args": (),
            "_init_kwargs": EasyDict(kwargs),
        }
        meta = {"type": "class", "version": 6, "module_src": TRAP, "class_name": kind, "state": state}
        return Persistent(meta)

    return one(module, "", kind, kwargs)


def nvidia(content: Any, protocol: int = 3) -> bytes:
    """NVIDIA's own files are of protocol 3."""
    fakes = {"torch_utils__persistence": {"_reconstruct_persistent_obj": reconstruct}}
    with posing(torch_utils={}, dnnlib={}, dnnlib__util={"EasyDict": EasyDict}, **fakes):
        return pickle.dumps(content, protocol)


def nvidia_generator(options: GeneratorOptions, seed: int = 0, protocol: int = 3) -> tuple[bytes, nn.Module]:
    network = seeded(options, seed)
    pickled = persistent(network, "Generator", options.kwargs(), {})
    training_set = EasyDict(class_name="training.dataset.ImageFolderDataset", path="/data/x.zip")
    return nvidia({"G": None, "G_ema": pickled, "training_set_kwargs": training_set}, protocol), network


def tf_network(
    version: int, variables: Mapping[str, np.ndarray], options: Mapping[str, Any], parts: Mapping[str, Any]
):
    return TFNetwork(
        {
            "version": version,
            "name": "G",
            "static_kwargs": dict(options),
            "components": EasyDict(parts),
            "build_module_src": TRAP,
            "build_func_name": "G_main",
            "variables": [(name, value) for name, value in variables.items()],
        }
    )


def tf_pickle(networks: tuple[Any, ...], module: str = "dnnlib__tflib__network", protocol: int = 3) -> bytes:
    """`module`: where the code's class Network lies; ProGAN's was tfutil."""
    with posing(dnnlib={}, dnnlib__tflib={}, dnnlib__util={"EasyDict": EasyDict}, **{module: {"Network": TFNetwork}}):
        return pickle.dumps(networks, protocol)
