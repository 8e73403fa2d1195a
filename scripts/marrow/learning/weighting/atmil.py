"""ATMIL: auxiliary gradients are to add up to the main one (Qaiser et al., MICCAI 2021, eq. 6; ARML, NeurIPS 2020).

    w <- max(0, w - beta d/dw |g_m - sum_i w_i g_i|^2) = max(0, w - 2 beta (A w - b)),   w = 1 at first

with A = <g_i, g_j> and b = <g_i, g_m> from the Gramian: no second derivative is needed. With one auxiliary task

    w <- max(0, w - 2 beta (w |g_a|^2 - <g_m, g_a>)).

ARML's code shifts the weights after each step so that they add up to their number. With one task that pins w at 1;
ATMIL prints no such constraint, and there is none here.

The step multiplies the distance from the minimum by 1 - 2 beta lambda, lambda an eigenvalue of A. It overshoots where
2 beta lambda > 1 and diverges where beta lambda > 1: with beta 0.05 where |g_a|^2 > 20, as happens on bags of digits
(docs/weighting.md). So the rule comes as printed and in steps that cannot overshoot:

    as-printed:   as above
    capped-step:  beta is taken no larger than 1 / (2 lambda)
    implicit:     the slope is that at the new weights, w <- argmin_{v >= 0} beta |g_m - sum_i v_i g_i|^2 + |v - w|^2/2,
                  with one task w <- max(0, (w + 2 beta <g_m, g_a>) / (1 + 2 beta |g_a|^2))

and, without steps or a learning rate, as the weights that they walk towards, from a running mean of the Gramian:

    closed-form:  w = argmin_{w >= 0} mean(|g_m - sum_i w_i g_i|^2),
                  with one task w = max(0, mean <g_m, g_a> / mean |g_a|^2)

The weight in closed form does not change when auxiliary and main loss are given in other units: a loss k times as large
gets a k-th of the weight. The mean is over steps, of products: a bag counts as much as its gradients are long.

As printed, L = L_m + sum_i w_i L_i, a weight of 0 stops an auxiliary head too. What such a head asks of the trunk means
less and less, and its task need not come back; so in the other variants heads get their full gradient. In closed form,
whose weights change slowly, a task at 0 whose head stood still would stay there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.divergence import nearest_weights, nonnegative_minimum, quadratic_terms, slope
from marrow.learning.weighting.stateful import Remembering, renewed
from marrow.learning.weighting.weighting import Observation, Weights


def printed_step(weights: Tensor, gramian: Tensor, beta: float) -> Tensor:
    """Eq. 6 for weights (tasks,); negative ones are not clipped yet."""
    return weights - beta * slope(weights, gramian)


def capped_step(weights: Tensor, gramian: Tensor, beta: float) -> Tensor:
    """Eq. 6 with a beta that cannot overshoot.

    The Frobenius norm of A stands for its largest eigenvalue: it is never smaller, equal with one task, and a GPU need
    not be waited for to know it.
    """
    a, _ = quadratic_terms(gramian)
    largest = (0.5 / torch.linalg.matrix_norm(a)).clamp(max=beta)
    return weights - largest * slope(weights, gramian)


def implicit_step(weights: Tensor, gramian: Tensor, beta: float) -> Tensor:
    """Eq. 6 with the slope at the new weights, which are not negative."""
    a, b = quadratic_terms(gramian)
    identity = torch.eye(len(b), dtype=a.dtype, device=a.device)
    return nonnegative_minimum(identity + 2 * beta * a, weights + 2 * beta * b)


STEPS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "as-printed": printed_step,
    "capped-step": capped_step,
    "implicit": implicit_step,
}


class Atmil(Remembering):
    """Moves weights, none above `cap`, towards a sum of auxiliary gradients that is near the main one."""

    def __init__(self, tasks: int, variant: str, beta: float, cap: float | None) -> None:
        super().__init__(weights=torch.ones(tasks))
        self._printed = variant == "as-printed"
        self._step = STEPS[variant]
        self._beta = beta
        self._cap = cap

    def __call__(self, observation: Observation) -> Weights:
        """One for the main task, and the weights after this step's change."""
        weights = self._step(self.recall(observation.losses.device)["weights"], observation.products, self._beta)
        weights = weights.clamp(min=0, max=self._cap)
        self.remember(weights=weights)
        shared = torch.cat([torch.ones_like(observation.losses[:1]), weights])
        return Weights(shared, shared if self._printed else torch.ones_like(shared))


class AtmilClosedForm(Remembering):
    """Weighs with the minimum of the mean squared distance, none above the cap."""

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


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Atmil | AtmilClosedForm:
    """The weighting in a method's variant."""
    variant = settings["variant"]
    if variant == "closed-form":
        return AtmilClosedForm(len(tasks), settings["smoothing"], settings["cap"])
    return Atmil(len(tasks), variant, settings["beta"], settings.get("cap"))
