"""A residual network for pictures of cells, ten layers deep, as lymphoMIL has it (Sahasrabudhe et al., 2021).

    conv 7 / 2, K -> norm -> ReLU -> max pool 3 / 2 -> a basic block of K, 2K, 4K and 8K maps, all but the first / 2

A basic block is that of He et al. (CVPR 2016): x -> ReLU(norm(conv 3(ReLU(norm(conv 3(x))))) + x), the last x by way
of a 1 x 1 convolution and a norm where its size changes. Convolutions have no bias; they start as Kaiming's normal
weights by fan-out.

Where it departs: norms are group norms of 8 maps each (Wu and He, ECCV 2018). The published network has batch norm over
32 cells at a time, so that the embedding of a cell depends on which cells stand beside it.

The published network pools the last maps of all cells voxel by voxel and classifies the result, 7 x 7 x 8K for 224
pixels; `flatten` does that. Otherwise the maps are averaged to 8K numbers, which attention can be made of.
"""

from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder

STAGES = 4
GROUP = 8  # maps that are normed together
HALVINGS = 5


class ResNet(Encoder):
    """Ten convolutions deep, for pictures of any size.

    Args:
        shape: of an instance, (channels, y, x).
        width: maps of the first stage, K, a multiple of 8.
        flatten: whether to embed the last maps as they are, instead of their means.
    """

    def __init__(self, shape: tuple[int, ...], width: int, flatten: bool = False) -> None:
        super().__init__()
        channels, *edges = shape
        self.first = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        self.norm = _norm(width)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        widths = [width, *(width * 2**stage for stage in range(STAGES))]
        self.blocks = nn.Sequential(*(Block(few, many, 1 if few == many else 2) for few, many in pairwise(widths)))
        self.flatten = flatten
        self.width = widths[-1] * (prod(-(-edge // 2**HALVINGS) for edge in edges) if flatten else 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def last_layer(self) -> nn.Module:
        """The last convolution."""
        return self.blocks[-1].second  # pyright: ignore[reportReturnType]

    def forward(self, instances: Tensor) -> Tensor:
        """Embed (instances, *shape)."""
        if instances.device.type == "cpu":
            instances = instances.contiguous(
                memory_format=torch.channels_last
            )  # what its convolutions are fastest with
        maps = self.pool(self.norm(self.first(instances)).relu())
        maps = self.blocks(maps)
        return maps.flatten(1) if self.flatten else maps.mean((2, 3))


class Block(nn.Module):
    """A basic block: (n, channels, y, x) to (n, maps, y / stride, x / stride)."""

    def __init__(self, channels: int, maps: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, maps, 3, stride=stride, padding=1, bias=False)
        self.first_norm = _norm(maps)
        self.second = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.second_norm = _norm(maps)
        is_same = channels == maps and stride == 1
        self.beside: nn.Module = (
            nn.Identity()
            if is_same
            else nn.Sequential(nn.Conv2d(channels, maps, 1, stride=stride, bias=False), _norm(maps))
        )

    def forward(self, x: Tensor) -> Tensor:
        """`x: (n, channels, y, x)`."""
        inner = self.first_norm(self.first(x)).relu()
        return (self.second_norm(self.second(inner)) + self.beside(x)).relu()


def _norm(maps: int) -> nn.GroupNorm:
    return nn.GroupNorm(maps // GROUP, maps)


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> ResNet:
    """The network for pictures of this shape."""
    return ResNet(shape, settings["width"], settings["flatten"])
