"""NVIDIA's TensorFlow pickles, (G, D, Gs): ProGAN (version 2), StyleGAN (3), StyleGAN2 and its ADA (4 and 5).

A network in such a file is its options, its variables by name, the source text that would build it, and networks
inside it ("mapping", "synthesis"). The text is never looked at; which network it is, the variables' names say.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from forensics.refusal import Refusal
from generators.interop import tf_progan, tf_stylegan, tf_stylegan2
from generators.interop.arrays import NUMPY, array, is_array, plain
from generators.interop.networks import Checkpoint, Network
from generators.interop.pickles import Call, one_line
from generators.interop.variables import Variables

NETWORKS = frozenset({"dnnlib.tflib.network.Network", "tfutil.Network"})
ALLOWED = frozenset({*NETWORKS, *NUMPY})
VERSIONS = (2, 3, 4, 5)
ORDER = ("G", "D", "G_ema")  # Gs: the generator's average
MOST_VARIABLES = 10_000


def holds(value: Any) -> bool:
    """Whether a pickle's value is of this kind."""
    return isinstance(value, (tuple, list)) and any(isinstance(v, Call) and v.name in NETWORKS for v in value[:3])


def checkpoint(value: Any, of: str, size: int) -> Checkpoint:
    """The networks of a pickle that was read with ALLOWED; `size`: bytes of the file."""
    if not holds(value) or len(value) != 3:
        raise Refusal(f"{of} holds no three networks of NVIDIA's TensorFlow code, (G, D, Gs)")
    makers = {
        name: partial(network, call, f"{of}: {name}", size, name)
        for name, call in zip(ORDER, value, strict=True)
        if call is not None
    }
    return Checkpoint("NVIDIA's TensorFlow code", of, {n: makers[n] for n in ("G_ema", "G", "D") if n in makers})


def network(call: Any, of: str, size: int, name: str) -> Network:
    """One of them. Raises Refusal for networks of another kind."""
    found = variables(call, of)
    if (claimed := sum(array.nbytes for array in found.arrays.values())) > size:  # one array by many names
        raise Refusal(f"{of} claims {claimed:,} bytes of variables, more than its file has; get the file anew")
    if name == "D":
        if "Output/weight" in found.arrays:  # earlier ones end in 4x4/Dense1
            return tf_stylegan2.critic(found, size)
        raise Refusal(f"{of} is a discriminator of ProGAN or StyleGAN; of those, generators are read")
    if "synthesis/4x4/Conv/mod_weight" in found.arrays:
        return tf_stylegan2.generator(found, size)
    if "synthesis/4x4/Const/StyleMod/weight" in found.arrays:
        return tf_stylegan.generator(found, size)
    if "4x4/Dense/weight" in found.arrays:
        return tf_progan.generator(found, size)
    raise Refusal(f"{of} is no generator of ProGAN, StyleGAN or StyleGAN2")


def variables(call: Any, of: str) -> Variables:
    """Options and variables of a network and of those inside it, "synthesis/..." and "mapping/..."."""
    state = state_of(call, of)
    options, arrays = dict(options_of(state, of)), arrays_of(state, of, "")
    inside = state.get("components") or {}
    if not isinstance(inside, Mapping) or not all(isinstance(name, str) for name in inside):
        raise Refusal(f"{of} holds networks inside it that are not told by name; get the file anew")
    for name in ("mapping", "synthesis"):
        if name in inside:
            state = state_of(inside[name], of)
            options = {**options_of(state, of), **options}
            arrays |= arrays_of(state, of, f"{name}/")
    return Variables(of, options, arrays)


def state_of(call: Any, of: str) -> dict[str, Any]:
    match call:
        case Call(name=name, state=dict(state)) if name in NETWORKS:
            if state.get("version") in VERSIONS:
                return state
            raise Refusal(f"{of} is of version {one_line(state.get('version'), 20)}; versions 2 to 5 are read")
    raise Refusal(f"{of} is no network of NVIDIA's TensorFlow code; get the file anew")


def options_of(state: Mapping[str, Any], of: str) -> dict[str, Any]:
    told = state.get("static_kwargs") or {}
    if not isinstance(told, dict) or not all(isinstance(name, str) for name in told):
        raise Refusal(f"{of} does not tell its options by name; get the file anew")
    return {name: plain(value, of) for name, value in told.items()}


def arrays_of(state: Mapping[str, Any], of: str, prefix: str) -> dict[str, np.ndarray]:
    rows = state.get("variables")
    if not isinstance(rows, list) or len(rows) > MOST_VARIABLES:
        raise Refusal(f"{of} tells no list of variables; get the file anew")
    found: dict[str, np.ndarray] = {}
    for row in rows:
        match row:
            case (str(name), value) | [str(name), value] if is_array(value):
                found[prefix + name] = array(value, of)
            case (str(name), value) | [str(name), value] if isinstance(number := plain(value, of), (int, float)):
                found[prefix + name] = np.asarray(number)
            case _:
                raise Refusal(f"{of} has a variable without a name or numbers; get the file anew")
    return found
