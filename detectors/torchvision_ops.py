"""Lets `import timm` work where torchvision's compiled operators are missing.

timm imports torchvision. torchvision's wheel from PyPI carries operators compiled against CUDA; beside a
CPU build of torch their library does not load, and torchvision then stops at import with
"operator torchvision::nms does not exist", because it describes two operators that nobody defined.
We use neither of them, so it is enough to state their signatures (schemas), without any code behind them.

Import this module before timm. Where torchvision is whole it does nothing: its own library defines the
operators, and defining them first would clash.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch

SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
library = torch.library.Library("torchvision", "FRAGMENT")  # keeps the schemas alive as long as the module


def compiled_operators_load() -> bool:
    """Load torchvision's own operators, as its import does later; False where that fails or there are none."""
    spec = importlib.util.find_spec("torchvision")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in Path(folder).glob("_C*.so"):
            try:
                torch.ops.load_library(str(path))
            except (OSError, RuntimeError):
                continue
            return True
    return False


def state_missing_schemas() -> None:
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            library.define(schema)


if not compiled_operators_load():
    state_missing_schemas()
