"""LeNet for small pictures, as attention MIL has it (Ilse et al., ICML 2018), and its sibling for volumes.

    conv k, 20 -> ReLU -> max pool 2 -> conv k, 50 -> ReLU -> max pool 2 -> linear, 500 -> ReLU -> dropout

For one channel of 28 x 28 pixels and k = 5 these are 426,070 parameters. ATMIL names its layers and no sizes; of
volumes of 16^3 voxels k = 5 leaves 50 numbers for the linear layer, and k = 3 leaves 400. Weights start as PyTorch's
layers do, as in the code of attention MIL; its text says Glorot.

Loss-attention's code has dropout before the ReLU of the linear layer, which is the same.
"""

from math import prod

from torch import Tensor, nn

from marrow.errors import ConfigError
from marrow.learning.encoders.encoder import Encoder
from marrow.learning.encoders.stage import Stage

MAPS = (20, 50)
WIDTH = 500
KERNEL, SMALL_KERNEL = 5, 3


class LeNet(Encoder):
    """LeNet in two or three dimensions.

    Args:
        shape: of an instance, (channels, y, x) or (channels, z, y, x).
        kernel: edge of the convolutions; None for 5 where both fit, else 3. Where even 3 is larger than the maps that
            it meets, these are padded with zeros: below edges of 8.
        dropout: share of the 500 units that are left out while training.

    Raises:
        ConfigError: the kernel does not fit the instances.
    """

    width = WIDTH

    def __init__(self, shape: tuple[int, ...], kernel: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        channels, *edges = shape
        fits = (min(edges) - KERNEL + 1) // 2 >= KERNEL
        if kernel == KERNEL and not fits:
            raise ConfigError(
                f"config: encoder.kernel is 5, which does not fit instances of {shape} twice with a pooling between; "
                f"their edges must be {3 * KERNEL - 1} at least. Take 3, or larger patches"
            )
        chosen = kernel or (KERNEL if fits else SMALL_KERNEL)
        self.first = Stage(channels, MAPS[0], chosen, edges, of_data=True)
        self.second = Stage(MAPS[0], MAPS[1], chosen, self.first.edges)
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
