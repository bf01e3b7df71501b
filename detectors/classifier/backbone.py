"""The first stages of EfficientNet-Lite0: pictures → a grid of features.

Truncated on purpose: a patch classifier on early stages sees local texture more than the whole scene, and
carries better to other data (Chai et al. 2020, "What makes fake images detectable?").
Architecture: Tan & Le 2019, as timm's `tf_efficientnet_lite0`, built without its pretrained weights.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

import detectors.torchvision_ops  # noqa: F401  (before timm)

import timm  # isort: skip

ARCHITECTURE = "tf_efficientnet_lite0"
STAGES = 7


class Backbone(nn.Module):
    """(N, 3, R, R) float in [-1, 1] → (N, channels, R / stride, R / stride).

    depth: stages kept, 1-7. 2 → 24 channels at stride 4; 5 → 112 channels at stride 16; 7 → 320 at stride 32.
    """

    def __init__(self, depth: int, drop_path: float = 0.0):
        super().__init__()
        whole = timm.create_model(ARCHITECTURE, pretrained=False, drop_path_rate=drop_path)
        self.stem = nn.Sequential(whole.conv_stem, whole.bn1)
        self.stages = whole.blocks[:depth]
        last = whole.feature_info[{1: 0, 2: 1, 3: 2, 4: 3, 5: 3, 6: 4, 7: 4}[depth]]
        self.stride = int(last["reduction"])
        self.channels = int(next(m for m in reversed(list(self.stages.modules())) if is_batch_norm(m)).num_features)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stem(images)  # (N, 32, R/2, R/2)
        return self.stages(features)  # (N, C, R/stride, R/stride)

    def start_from_imagenet(self, state: Mapping[str, Tensor]) -> None:
        """Take the tensors of a whole ImageNet model whose state fits timm's in order, whatever its keys are.

        Raises ValueError when the number of tensors or a shape differs.
        """
        whole = timm.create_model(ARCHITECTURE, pretrained=False)
        own = whole.state_dict()
        if len(own) != len(state):
            raise ValueError(f"{len(state)} tensors; {ARCHITECTURE} has {len(own)}")
        for (key, tensor), (other, given) in zip(own.items(), state.items(), strict=True):
            if tensor.shape != given.shape:
                raise ValueError(f"{other} is {tuple(given.shape)}; {key} needs {tuple(tensor.shape)}")
        whole.load_state_dict(dict(zip(own, state.values(), strict=True)))
        self.stem.load_state_dict(nn.Sequential(whole.conv_stem, whole.bn1).state_dict())
        self.stages.load_state_dict(whole.blocks[: len(self.stages)].state_dict())


def is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.BatchNorm2d)
