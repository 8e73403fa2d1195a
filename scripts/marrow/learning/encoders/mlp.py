"""A multilayer perceptron for tables: 256, 128 and 64 units, each with ReLU, as in MI-Net and attention MIL.

MI-Net has one dropout, after the last layer (Wang et al., Pattern Recognition 2018); loss-attention one after each (Shi
et al., AAAI 2020). Weights start as PyTorch's layers do.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder

UNITS = (256, 128, 64)


class Mlp(Encoder):
    """Three linear layers, with dropout after each of them or after the last alone."""

    width = UNITS[-1]

    def __init__(self, features: int, dropout: float = 0.0, after_each: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(*units) for units in pairwise((features, *UNITS)))
        shares = [dropout if after_each else 0.0] * (len(UNITS) - 1) + [dropout]
        self.dropouts = nn.ModuleList(nn.Dropout(share) for share in shares)

    @property
    def last_layer(self) -> nn.Module:
        """The last linear layer."""
        return self.layers[-1]

    def forward(self, instances: Tensor) -> Tensor:
        """Embed (instances, features)."""
        for layer, dropout in zip(self.layers, self.dropouts, strict=True):
            instances = dropout(layer(instances).relu())
        return instances


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Mlp:
    """The perceptron for tables of this shape."""
    return Mlp(shape[0], settings["dropout"], settings["dropout_after"] == "each")
