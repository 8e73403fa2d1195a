"""Rows of a table as they are, scaled: for poolings that are fitted to the features themselves. Nothing is trained."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder


class Identity(Encoder):
    """Passes rows through."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    @property
    def last_layer(self) -> nn.Module:
        """Itself, as it has no layers: no gradient is taken of it."""
        return self

    def forward(self, instances: Tensor) -> Tensor:
        """Give (instances, features) back."""
        return instances


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Identity:
    """The encoder for tables of this shape."""
    return Identity(shape[0])
