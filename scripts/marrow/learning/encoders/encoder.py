"""What every encoder gives: instances in, embeddings out. Its parameters are the trunk that all tasks share."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """Embeds each instance by itself to `width` numbers: no output depends on which other instances are in the call."""

    width: int

    @property
    @abstractmethod
    def last_layer(self) -> nn.Module:
        """The last layer that all tasks share, for rules that look at its gradients alone."""

    @abstractmethod
    def forward(self, instances: Tensor) -> Tensor:
        """Embed (instances, *shape), scaled, to (instances, width)."""
