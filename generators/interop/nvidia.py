"""NVIDIA's PyTorch pickles, of the code of StyleGAN2-ADA and of StyleGAN3: {"G", "D", "G_ema", ...}.

Each module in such a file is a call with one dict: the name of its class, the source text of that class, and its
state, in which parameters, buffers and modules lie as torch keeps them and beside them the arguments of the
constructor. Python would execute the text to have the class. Here it is never looked at: the class's name says
which of our networks to build, the arguments say how, and the tensors, under the same names, are its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from forensics.refusal import Refusal
from generators.interop.arrays import NUMPY, TORCH, Tensors, plain
from generators.interop.networks import NAMES, Checkpoint, Critic, Network, Painter, Shape, built, check_fit, sound
from generators.interop.options import critic_from, generator_from
from generators.interop.pickles import Budget, Call, Document, one_line

MODULE = "torch_utils.persistence._reconstruct_persistent_obj"
ALLOWED = frozenset({MODULE, *TORCH, *NUMPY})
DEEPEST = 8  # modules in modules; a layer is the fourth
MOST_MODULES, MOST_TENSORS = 2000, 20_000
POSITIONS = {  # of the constructors' arguments, where they were not given by name
    "Generator": ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs"),
    "Discriminator": ("c_dim", "img_resolution", "img_channels", "architecture", "channel_base", "channel_max"),
}


class Module:
    """A pickled module: its class's name, its constructor's arguments, and what it holds."""

    def __init__(self, call: Any, of: str):
        match call:
            case Call(name=name, args=(dict(told),)) if name == MODULE and isinstance(told.get("state"), dict):
                self.of, self.state = of, told["state"]
                self.kind = kind if isinstance(kind := told.get("class_name"), str) else "nameless network"
            case _:
                raise Refusal(f"{of} holds a network that is not told as NVIDIA's code does; get the file anew")

    def part(self, name: str) -> dict[str, Any]:
        """Parameters, buffers or modules by name, those that are None left away."""
        found = self.state.get(name, {})
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise Refusal(f"{self.of} holds a network without {name}; get the file anew")
        return {key: value for key, value in found.items() if value is not None}

    def modules(self) -> dict[str, Module]:
        return {name: Module(call, self.of) for name, call in self.part("_modules").items()}

    def option(self, name: str) -> Any:
        """What the module tells of itself."""
        return plain(self.state.get(name), self.of)

    def options(self, *names: str) -> dict[str, Any]:
        return {name: self.option(name) for name in names if name in self.state}

    def inner(self, name: str) -> Module:
        """Raises Refusal where there is none."""
        call = self.part("_modules").get(name)
        if call is None:
            raise Refusal(f"{self.of} holds a {one_line(self.kind)} without {name}; it is none of StyleGAN2")
        return Module(call, self.of)

    def arguments(self) -> dict[str, Any]:
        """Of its constructor, by name."""
        given, names = self.state.get("_init_args", ()), POSITIONS.get(self.kind, ())
        named = self.state.get("_init_kwargs", {})
        if not isinstance(given, tuple) or not isinstance(named, dict) or len(given) > len(names):
            raise Refusal(f"{self.of} holds a {one_line(self.kind)} with arguments that cannot be understood")
        return settled({**dict(zip(names, given, strict=False)), **named}, self.of)

    def tensors(self) -> dict[str, Any]:
        """The calls that make its tensors and those of modules in it, by the names of torch's state_dict."""
        found: dict[str, Any] = {}
        todo, seen = [("", self, 0)], 1
        while todo:
            prefix, module, depth = todo.pop()
            inside = module.part("_modules")
            tensors = {**module.part("_parameters"), **module.part("_buffers")}
            seen += len(inside)
            if depth > DEEPEST or seen > MOST_MODULES or len(found) + len(tensors) > MOST_TENSORS:
                raise Refusal(f"{self.of} holds modules in modules without end; do not trust it")  # or itself
            found |= {prefix + name: call for name, call in tensors.items()}
            todo += [(f"{prefix}{name}.", Module(call, self.of), depth + 1) for name, call in inside.items()]
        return found


def settled(told: Mapping[Any, Any], of: str, depth: int = 0) -> dict[Any, Any]:
    """Options with numpy's numbers as Python's, those inside dicts too."""
    nested = {name: settled(v, of, depth + 1) for name, v in told.items() if isinstance(v, dict) and depth < 2}
    return {name: plain(value, of) for name, value in told.items()} | nested


def checkpoint(document: Document, of: str, size: int, budget: Budget) -> Checkpoint:
    """The networks of a pickle that was read with ALLOWED; `size`: bytes of the file.

    Raises Refusal when it holds none.
    """
    content = document.value
    there = [name for name in NAMES if isinstance(content, dict) and isinstance(content.get(name), Call)]
    if not there:
        raise Refusal(f"{of} is a pickle, but holds none of {', '.join(NAMES)} of NVIDIA's code")
    tensors = Tensors(document, of, budget)
    makers: dict[str, Callable[[], Network]] = {
        name: partial(network, content[name], f"{of}: {name}", size, tensors) for name in there
    }
    return Checkpoint("NVIDIA's PyTorch code", of, makers)


def network(call: Any, of: str, size: int, tensors: Tensors) -> Painter | Critic:
    """One of them, with its tensors. Raises Refusal for networks of another kind."""
    module = Module(call, of)
    if module.kind == "Generator":
        options = generator_from(seen_in_generator(module), of)
    elif module.kind == "Discriminator":
        options = critic_from(seen_in_discriminator(module), of)
    else:
        raise Refusal(f"{of} is a {one_line(module.kind)}; Generator and Discriminator of StyleGAN2 are read")
    calls = module.tensors()
    check_fit(built(options, of), {name: Shape(tensors.shape(call)) for name, call in calls.items()}, of, size)
    found = sound({name: tensors.tensor(call) for name, call in calls.items()}, of)
    return Painter(options, found) if module.kind == "Generator" else Critic(options, found)


def seen_in_generator(module: Module) -> dict[str, Any]:
    """Its constructor's arguments; what they leave to defaults, which differ between codes, its layers tell."""
    told, parts = module.arguments(), module.modules()
    if not {"mapping", "synthesis"} <= parts.keys():
        raise Refusal(
            f"{module.of} is no generator of StyleGAN2: it has {one_line(', '.join(parts)) or 'no modules'}"
        )
    blocks = parts["synthesis"].modules()
    if "b4" not in blocks:
        raise Refusal(f"{module.of} is a generator of StyleGAN3, or of another line; those of StyleGAN2 are read")
    seen = {
        **module.options("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels"),
        **blocks["b4"].options("architecture"),
        **blocks["b4"].inner("conv1").options("activation", "conv_clamp", "use_noise"),
        "num_fp16_res": sum(block.option("use_fp16") is True for block in blocks.values()),
    }
    return {
        **seen,
        **told,
        "mapping_kwargs": {**seen_in_mapping(parts["mapping"]), **inner(told, "mapping_kwargs", module.of)},
    }


def seen_in_discriminator(module: Module) -> dict[str, Any]:
    told, blocks = module.arguments(), module.modules()
    if "b4" not in blocks:
        raise Refusal(f"{module.of} is no discriminator of StyleGAN2: it has no layer at 4x4")
    last = blocks["b4"]
    statistic = last.modules().get("mbstd")
    group = {} if statistic is None else statistic.options("group_size", "num_channels")
    seen = {
        **module.options("c_dim", "img_resolution", "img_channels"),
        **last.options("architecture"),
        **last.inner("conv").options("conv_clamp"),
        "num_fp16_res": sum(block.option("use_fp16") is True for block in blocks.values()),
    }
    parts = {
        "block_kwargs": last.inner("conv").options("activation"),
        "mapping_kwargs": seen_in_mapping(blocks["mapping"]) if "mapping" in blocks else {},
        "epilogue_kwargs": {
            **last.inner("conv").options("activation"),
            **{f"mbstd_{name}": value for name, value in group.items()},
        },
    }
    return {**seen, **told, **{name: {**part, **inner(told, name, module.of)} for name, part in parts.items()}}


def seen_in_mapping(module: Module) -> dict[str, Any]:
    first = module.inner("fc0").options("activation", "bias_gain")
    seen = module.options("num_layers", "w_avg_beta") | first
    if "bias_gain" in seen:
        seen["lr_multiplier"] = seen.pop("bias_gain")
    return {name: value for name, value in seen.items() if value is not None}


def inner(told: Mapping[str, Any], name: str, of: str) -> dict[str, Any]:
    value = told.get(name)
    if not isinstance(value, dict | None):
        raise Refusal(f"{of} does not tell its options by name: {name} is a {type(value).__name__}")
    return value or {}
