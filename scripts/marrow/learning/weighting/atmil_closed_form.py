"""ATMIL without steps: the weights that its steps walk towards, from a running mean of the Gramian.

    w = argmin_{w >= 0} mean(|g_m - sum_i w_i g_i|^2);   with one task max(0, mean <g_m, g_a> / mean |g_a|^2)

There is no learning rate, and the weight does not change when auxiliary and main loss are given in other units: a loss
k times as large gets a k-th of the weight. The mean is over steps, of products: a bag counts as much as its gradients
are long. Heads get their full gradient: weights change so slowly that a task at 0 with a head that stands stays there.
"""

import torch

from marrow.learning.weighting.divergence import nearest_weights
from marrow.learning.weighting.stateful import Remembering, renewed
from marrow.learning.weighting.weighting import Observation, Weights


class AtmilClosedForm(Remembering):
    """Weighs with the minimum of the mean squared distance.

    Args:
        tasks: how many auxiliary ones.
        smoothing: what the mean keeps from step to step: 0.99 is about the last 100 steps.
        cap: the largest weight; none for no limit.
    """

    def __init__(self, tasks: int, smoothing: float, cap: float | None) -> None:
        super().__init__(gramian=torch.zeros(1 + tasks, 1 + tasks))
        self._smoothing = smoothing
        self._cap = cap

    def __call__(self, observation: Observation) -> Weights:
        """One for the main task, and the weights of the least distance; ones for the heads."""
        gramian = renewed(self.recall(observation.losses.device)["gramian"], observation.products, self._smoothing)
        self.remember(gramian=gramian)
        weights = nearest_weights(gramian)
        weights = weights if self._cap is None else weights.clamp(max=self._cap)
        shared = torch.cat([torch.ones_like(observation.losses[:1]), weights])
        return Weights(shared, torch.ones_like(shared))
