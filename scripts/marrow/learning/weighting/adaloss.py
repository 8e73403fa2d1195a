"""AdaLoss: losses on one scale (Hu et al., AAAI 2019, "Learning anytime predictions").

    as-printed:       L = L_m + sum_i log(L_i + epsilon), so w_i = 1 / (L_i + epsilon): what ATMIL and ARML print
    running-average:  w_i = mean(L_m) / mean(L_i), running means: as Hu et al., up to the common factor mean(L_m)

Both are blind to the units of an auxiliary loss. The logarithm goes by the loss of one step: where an auxiliary task is
nearly solved, its weight explodes (up to 1 / epsilon, a million), which its own gradient need not make up for. Running
means move slowly, and an auxiliary loss counts no more than the main one does.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.stateful import Remembering, renewed
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class LogLoss(Weighting):
    """The gradient of log(L_i + epsilon) of each auxiliary loss."""

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon

    def __call__(self, observation: Observation) -> Weights:
        """1, and 1 / (L_i + epsilon)."""
        return Weights.same(_main_first(1 / (observation.losses + self._epsilon)))


class AverageLoss(Remembering):
    """Weighs by running means of the losses, none of which counts less than epsilon; no weight is above the cap."""

    def __init__(self, tasks: int, smoothing: float, epsilon: float, cap: float | None) -> None:
        super().__init__(losses=torch.zeros(1 + tasks))
        self._smoothing = smoothing
        self._epsilon = epsilon
        self._cap = cap

    def __call__(self, observation: Observation) -> Weights:
        """1, and the ratio of the averages."""
        losses = renewed(self.recall(observation.losses.device)["losses"], observation.losses, self._smoothing)
        self.remember(losses=losses)
        floored = losses.clamp(min=self._epsilon)
        ratio = floored[0] / floored
        return Weights.same(_main_first(ratio if self._cap is None else ratio.clamp(max=self._cap)))


def _main_first(weights: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(weights[:1]), weights[1:]])


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> LogLoss | AverageLoss:
    """The weighting in a method's variant."""
    if settings["variant"] == "as-printed":
        return LogLoss(settings["epsilon"])
    return AverageLoss(len(tasks), settings["smoothing"], settings["epsilon"], settings["cap"])
