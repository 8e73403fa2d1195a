"""The loss of the main task, which goes with the pooling."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from marrow.errors import ConfigError
from marrow.learning.pooling.attention_memory import AttentionMemory
from marrow.learning.pooling.bag_loss import BagLoss
from marrow.learning.pooling.loss_attention_loss import REDUCTIONS, LossAttentionLoss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments


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
        settings: its pooling.
        class_weights: (classes,); None for even ones.
        instances: how many there are in the training corpus; None to find out as they come.
    """
    if settings["kind"] != "loss-attention":
        return BagLoss(class_weights)
    _check(settings)
    return LossAttentionLoss(
        settings["instance_weight"],
        settings["instance_reduction"],
        settings["consistency_weight"],
        settings["consistency_ramp"],
        AttentionMemory(settings["consistency_decay"], instances),
        class_weights,
    )


def _check(settings: Mapping[str, Any]) -> None:
    for name in ("instance_weight", "consistency_weight", "consistency_ramp"):
        if not settings[name] >= 0:
            raise ConfigError(f"config: pooling.{name} is {settings[name]}; it must be 0 or larger")
    if not 0 <= settings["consistency_decay"] < 1:
        raise ConfigError(f"config: pooling.consistency_decay is {settings['consistency_decay']}; it must be in [0, 1)")
    if settings["instance_reduction"] not in REDUCTIONS:
        raise ConfigError(
            f"config: pooling.instance_reduction is {settings['instance_reduction']!r}; "
            f"it must be one of {', '.join(REDUCTIONS)}"
        )
