"""GradNorm: gradients of one length, tasks that lag behind of a greater one (Chen et al., ICML 2018, eqs. 1 and 2).

    n_i = w_i |g_i|,   r_i = (L_i / L_i(0)) / mean_j (L_j / L_j(0)),   w = argmin sum_i |n_i - mean_j(n_j) r_i^alpha|

over all T = 1 + tasks, the main one included, with the targets held fixed and the weights scaled to add up to T after
each step. (ARML's code balances auxiliary tasks alone: with one of them its weight is pinned at 1.)

    as-printed:   w_i <- w_i - rate sign(n_i - target_i) |g_i|, losses as they come, L(0) those of the first step
    closed-form:  w_i in proportion to r_i^alpha / |g_i|, all lengths at their targets at once, from running means of
                  losses and of squared norms; L(0) is the mean over the first epoch, throughout which all weights are 1

Bags of one are noisy: |g| of single bags differs a hundredfold, so the printed step, which is as long as |g|, throws
the weights from one end to the other, and the loss of the first bag may be close to 0. `reference` and `smoothing` of
the losses may be set for both variants. The paper looks at the last shared layer alone, which is `gramian: last-layer`;
norms of the whole trunk are its usual generalisation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.stateful import Remembering, renewed
from marrow.learning.weighting.weighting import Observation, Weights

_LEAST = 1e-3  # of a weight, and of a norm next to the longest: a weight of 0 has no length that could be balanced


class GradNorm(Remembering):
    """Balances the lengths of the tasks' gradients: by printed steps at a rate, or without one in closed form."""

    def __init__(
        self,
        tasks: int,
        alpha: float,
        smoothing: float,
        reference: str,
        rate: float | None,
    ) -> None:
        count = 1 + tasks
        super().__init__(
            weights=torch.ones(count),
            losses=torch.zeros(count),
            squares=torch.zeros(count),
            reference=torch.zeros(count),
            counted=torch.zeros(()),
        )
        self._alpha = alpha
        self._rate = rate
        self._smoothing = smoothing
        self._reference = reference

    def __call__(self, observation: Observation) -> Weights:
        """Weights that add up to the number of tasks."""
        memory = self.recall(observation.losses.device)
        losses = renewed(memory["losses"], observation.losses, self._smoothing)
        squares = renewed(
            memory["squares"], observation.products.diagonal(), self._smoothing if self._rate is None else 0.0
        )
        self.remember(losses=losses, squares=squares)
        self._refer(observation)
        if self._reference == "first-step" or observation.epoch > 0:
            rates = training_rates(losses, self.recall(losses.device)["reference"]) ** self._alpha
            norms = squares.clamp(min=0).sqrt()
            if self._rate is None:
                self.remember(weights=balanced(norms, rates))
            else:
                self.remember(weights=printed_step(memory["weights"], norms, rates, self._rate))
        return Weights.same(self.recall(losses.device)["weights"])

    def _refer(self, observation: Observation) -> None:
        """Take L(0) from the first step, or as the mean of the first epoch's steps."""
        if (observation.step if self._reference == "first-step" else observation.epoch) == 0:
            memory = self.recall(observation.losses.device)
            counted = memory["counted"] + 1
            reference = memory["reference"] + (observation.losses - memory["reference"]) / counted
            self.remember(reference=reference, counted=counted)


def training_rates(losses: Tensor, reference: Tensor) -> Tensor:
    """Rates r (tasks,): above 1 where a task's loss fell less than the average task's."""
    tiny = torch.finfo(losses.dtype).tiny ** 0.5
    left = (losses + tiny) / (reference + tiny)
    return left / left.mean()


def printed_step(weights: Tensor, norms: Tensor, rates: Tensor, rate: float) -> Tensor:
    """A step of gradient descent on sum_i |n_i - target_i|; all (tasks,), rates to the power of alpha already."""
    lengths = weights * norms
    moved = weights - rate * torch.sign(lengths - lengths.mean() * rates) * norms
    return _adding_up(moved.clamp(min=_LEAST))


def balanced(norms: Tensor, rates: Tensor) -> Tensor:
    """Weights (tasks,) that make the lengths n proportional to the rates."""
    tiny = torch.finfo(norms.dtype).tiny ** 0.5
    return _adding_up(rates / norms.clamp(min=_LEAST * norms.max() + tiny))


def _adding_up(weights: Tensor) -> Tensor:
    return weights * (len(weights) / weights.sum())


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> GradNorm:
    """The weighting in a method's variant."""
    alpha, smoothing, reference = settings["alpha"], settings["smoothing"], settings["reference"]
    return GradNorm(len(tasks), alpha, smoothing, reference, settings.get("rate"))
