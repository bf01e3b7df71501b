"""The discriminator of ProGAN, and of StyleGAN with a blur: the generator's mirror image, growing with it.

Karras et al. 2018, table 2: from RGB, two convolutions a resolution, halved by averaging; at 4x4 the standard
deviation of the minibatch joins (section 3); one score, no activation.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from generators.he import Convolution, Dense, leaky
from generators.layers import MinibatchStd
from generators.progressive import Growth, blend, shrunk


class Halving(nn.Module):
    """Two convolutions at a resolution, then half of it: (N, I, H, H) → (N, O, H / 2, H / 2).

    `pooled_last` averages pixels after the last activation, as table 2 has it; otherwise before it, within
    the convolution, which is twice as quick.
    """

    def __init__(self, inside: int, outside: int, blur: bool, pooled_last: bool):
        super().__init__()
        self.pooled_last = pooled_last
        self.conv0 = Convolution(inside, inside)
        self.conv1 = Convolution(inside, outside, down=not pooled_last, blur=blur and not pooled_last)

    def forward(self, x: Tensor) -> Tensor:
        x = leaky(self.conv1(leaky(self.conv0(x))))
        return F.avg_pool2d(x, 2) if self.pooled_last else x


class Critic(nn.Module):
    """Pictures (N, C, S, S) of the stage's side S → scores (N,): the higher, the more like a photo.

    `widths`: feature maps at 4x4, 8x8, ...
    """

    def __init__(self, channels: int, widths: Sequence[int], blur: bool = False, pooled_last: bool = False):
        super().__init__()
        self.growth = Growth(len(widths))
        self.rgb = nn.ModuleList([Convolution(channels, width, 1) for width in widths])
        pairs = zip(widths[1:], widths[:-1], strict=True)
        self.blocks = nn.ModuleList([Halving(wide, narrow, blur, pooled_last) for wide, narrow in pairs])
        self.spread = MinibatchStd(group=4)
        self.conv = Convolution(widths[0] + 1, widths[0])
        self.dense = Dense(widths[0] * 16, widths[0])
        self.score = Dense(widths[0], 1, gain=1.0)

    def forward(self, images: Tensor) -> Tensor:
        stage, alpha = self.growth.now()
        x = leaky(self.rgb[stage](images))  # (N, W, S, S)
        for step in range(stage, 0, -1):
            x = self.blocks[step - 1](x)  # (N, W', S / 2, S / 2)
            if step == stage and alpha < 1:
                before = self.rgb[stage - 1](shrunk(images, images.shape[-1] // 2))
                x = blend(leaky(before), x, alpha)
        x = leaky(self.conv(self.spread(x)))  # (N, W, 4, 4)
        return self.score(leaky(self.dense(x.flatten(1)))).squeeze(1)  # (N,)
