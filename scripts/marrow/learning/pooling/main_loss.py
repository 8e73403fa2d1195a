"""The loss of the main task: that of the method's pooling, or the cross-entropy of bags where it has none."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from marrow.learning.pooling.bag_loss import BagLoss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.planning.kinds import implementation


class MainLoss(Protocol):
    """Losses of packed bags, and what they remember from epoch to epoch."""

    def __call__(
        self, pooled: Pooled, labels: Tensor, segments: Segments, instances: Tensor | None, epoch: int
    ) -> dict[str, Tensor]:
        """Single numbers, weighted, that add up to the main loss.

        Args:
            pooled: what the pooling says.
            labels: (bags,), int64.
            segments: of the bags.
            instances: (instances,), int64, positions in the training corpus; None for bags that are not of training,
                of which nothing is remembered.
            epoch: counted from 0.
        """
        ...

    def end_epoch(self) -> None:
        """Tell that an epoch of training is over."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What is remembered, for a checkpoint: at any step, the middle of an epoch included."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        ...


def main_loss_of(
    settings: Mapping[str, Any], class_weights: Tensor | None = None, instances: int | None = None
) -> MainLoss:
    """The main loss of a method.

    Args:
        settings: pooling of a method, complete.
        class_weights: (classes,); None for even ones.
        instances: how many there are in the training corpus; None to find out as they come.
    """
    module = implementation("poolings", settings["kind"])
    if not hasattr(module, "make_loss"):
        return BagLoss(class_weights)
    return module.make_loss(settings, class_weights, instances)
