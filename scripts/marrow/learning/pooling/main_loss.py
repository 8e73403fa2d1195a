"""The loss of the main task: that of the method's pooling, or the cross-entropy of bags where it has none."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.pooling.outputs import class_loss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments
from marrow.planning.kinds import implementation


class MainLoss:
    """Cross-entropy of classes, its mean over the bags of a step; a loss with further terms derives from it.

    It remembers nothing from step to step; a loss that does has it in its state, at any step of an epoch. Class weights
    are (classes,), None for even ones.
    """

    def __init__(self, class_weights: Tensor | None = None) -> None:
        self.class_weights = class_weights

    def __call__(
        self, pooled: Pooled, labels: Tensor, segments: Segments, instances: Tensor | None, epoch: int
    ) -> dict[str, Tensor]:
        """Single numbers, weighted, that add up to the main loss: here the term `bag`.

        Args:
            pooled: what the pooling says.
            labels: (bags,), int64.
            segments: of the bags.
            instances: (instances,), int64, positions in the training corpus; None for bags that are not of training,
                of which nothing is remembered.
            epoch: counted from 0.
        """
        del segments, instances, epoch
        return {"bag": class_loss(pooled.logits, labels, self.class_weights).mean()}

    def end_epoch(self) -> None:
        """Tell that an epoch of training is over."""

    def state(self) -> dict[str, Tensor]:
        """What is remembered, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""


def main_loss_of(
    settings: Mapping[str, Any], class_weights: Tensor | None = None, instances: int | None = None
) -> MainLoss:
    """The main loss with these settings of the pooling, for so many training instances; None: as they come."""
    module = implementation("poolings", settings["kind"])
    if not hasattr(module, "make_loss"):
        return MainLoss(class_weights)
    return module.make_loss(settings, class_weights, instances)
