"""No encoder: a method that looks at no instance, and learns from attributes alone."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder


class NoEncoder(Encoder):
    """Embeds each instance to no numbers."""

    width = 0

    @property
    def last_layer(self) -> nn.Module:
        """Itself, without parameters."""
        return self

    def forward(self, instances: Tensor) -> Tensor:
        """(instances, *shape) -> (instances, 0)."""
        return instances.new_zeros(len(instances), 0)


def make(settings: Mapping[str, Any], shape: tuple[int, ...]) -> NoEncoder:
    """No encoder."""
    return NoEncoder()
