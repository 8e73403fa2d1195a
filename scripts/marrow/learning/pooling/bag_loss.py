"""The main loss of a pooling that has none of its own: cross-entropy of classes, its mean over the bags of a step."""

from collections.abc import Mapping

from torch import Tensor

from marrow.learning.pooling.outputs import class_loss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments


class BagLoss:
    """Cross-entropy of bags; it remembers nothing.

    Args:
        class_weights: (classes,); None for even ones.
    """

    def __init__(self, class_weights: Tensor | None = None) -> None:
        self.class_weights = class_weights

    def __call__(
        self, pooled: Pooled, labels: Tensor, segments: Segments, instances: Tensor | None, epoch: int
    ) -> dict[str, Tensor]:
        """The term `bag`."""
        del segments, instances, epoch
        return {"bag": class_loss(pooled.logits, labels, self.class_weights).mean()}

    def end_epoch(self) -> None:
        """Nothing moves."""

    def state(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to take over."""
