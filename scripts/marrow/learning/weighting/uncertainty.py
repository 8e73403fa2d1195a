"""Uncertainty weighting (Kendall et al., CVPR 2018): each task has a noise of its own, which is learnt.

    L = sum_i c_i exp(-s_i) L_i + s_i / 2,   s_i = log sigma_i^2,   w_i = c_i exp(-s_i)

with c = 1 for classes and 1/2 for values (eqs. 7 to 10 of the paper); the main task is one of classes. The s_i start at
0 and follow their gradient, s_i <- s_i - rate (1/2 - w_i L_i), which comes to rest where w_i = 1 / (2 L_i): the ratios
are those of AdaLoss. Where the loss of one bag is far above the average, w_i L_i throws s_i far to the other side:

    as-printed:   as above
    capped-step:  the gradient is taken no longer than 1/2, so no weight changes by more than exp(rate / 2) in a step
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.stateful import Remembering
from marrow.learning.weighting.weighting import Observation, Weights


class Uncertainty(Remembering):
    """Learns a log-variance for each task.

    The paper leaves the rate of the log-variances to the model's optimiser; 0.001 makes steps of the size that Adam
    makes with 0.0005.
    """

    def __init__(self, tasks: Sequence[Task], variant: str, rate: float) -> None:
        super().__init__(log_variances=torch.zeros(1 + len(tasks)))
        self._factors = torch.tensor([1.0, *(1.0 if task.classes else 0.5 for task in tasks)])
        self._capped = variant == "capped-step"
        self._rate = rate

    def __call__(self, observation: Observation) -> Weights:
        """The weights of the log-variances so far, which then learn from this step's losses."""
        log_variances = self.recall(observation.losses.device)["log_variances"]
        self._factors = self._factors.to(observation.losses.device)
        weights = self._factors * torch.exp(-log_variances)
        self.remember(log_variances=log_variances - self._rate * self._slope(weights * observation.losses))
        return Weights.same(weights)

    def _slope(self, weighted: Tensor) -> Tensor:
        """The gradient in the log-variances, from weighted losses (1 + tasks,)."""
        slope = 0.5 - weighted
        return slope.clamp(min=-0.5) if self._capped else slope


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Uncertainty:
    """The weighting in a method's variant."""
    return Uncertainty(tasks, settings["variant"], settings["rate"])
