"""LeNet for small pictures, as attention MIL has it (Ilse et al., ICML 2018); `lenet3d` is the same for volumes.

    conv k, 20 -> ReLU -> max pool 2 -> conv k, 50 -> ReLU -> max pool 2 -> linear, 500 -> ReLU -> dropout

For one channel of 28 x 28 pixels and k = 5 these are 426,070 parameters. ATMIL names its layers and no sizes; of
volumes of 16^3 voxels k = 5 leaves 50 numbers for the linear layer, and k = 3 leaves 400. Weights start as PyTorch's
layers do, as in the code of attention MIL; its text says Glorot.

Loss-attention's code has dropout before the ReLU of the linear layer, which is the same.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder
from marrow.learning.encoders.stage import Stage

MAPS = (20, 50)
WIDTH = 500
LEAST_EDGE = 14  # of instances that kernels of 5 fit: two of them with a pooling by 2 between


class LeNet(Encoder):
    """LeNet in two or three dimensions.

    Args:
        shape: of an instance, (channels, y, x) or (channels, z, y, x).
        kernel: edge of the convolutions. Where it is larger than the maps that it meets, these are padded with zeros:
            with 3 below edges of 8.
        dropout: share of the 500 units that are left out while training.
    """

    width = WIDTH

    def __init__(self, shape: tuple[int, ...], kernel: int, dropout: float = 0.0) -> None:
        super().__init__()
        channels, *edges = shape
        self.first = Stage(channels, MAPS[0], kernel, edges, of_data=True)
        self.second = Stage(MAPS[0], MAPS[1], kernel, self.first.edges)
        self.embed = nn.Linear(MAPS[1] * prod(self.second.edges), WIDTH)
        self.dropout = nn.Dropout(dropout)

    @property
    def last_layer(self) -> nn.Module:
        """The linear layer."""
        return self.embed

    def forward(self, instances: Tensor) -> Tensor:
        """Embed (instances, *shape)."""
        maps = self.second(self.first(instances))
        return self.dropout(self.embed(maps.flatten(1)).relu())


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> LeNet:
    """The LeNet for pictures of this shape."""
    return LeNet(shape, 5 if min(shape[1:]) >= LEAST_EDGE else 3, settings["dropout"])
