"""OL-AUX: weights from how far a step for an auxiliary task helps the main one (Lin et al., NeurIPS 2019).

    every N steps:   w_i <- max(0, w_i + beta sum over them of <g_m, g_i>),   w_i = 1 at first

    as-printed:   gradients of the losses, as ATMIL prints the rule
    log-losses:   gradients of log(L + epsilon), main and auxiliary, and the model learns from these logarithms too, as
                  in the authors' re-implementation; it balances the tasks' scales
    capped:       as-printed with w_i <= cap

It is the numerator of ATMIL's step without the term that holds the weight back: as long as the gradients agree the
weight grows, and it has no bound. The authors' code steps by 5 times the model's learning rate of 0.001, which is the
default beta here, after every 5 steps; its filter of 4 gradients would need the gradients themselves and is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from marrow.bags.bag import Task
from marrow.learning.weighting.stateful import Remembering
from marrow.learning.weighting.weighting import Observation, Weights


class OlAux(Remembering):
    """Moves weights along inner products of gradients; without epsilon it goes by the losses themselves."""

    def __init__(self, tasks: int, beta: float, steps: int, epsilon: float | None, cap: float | None) -> None:
        super().__init__(weights=torch.ones(tasks), products=torch.zeros(tasks), summed=torch.zeros(()))
        self._beta = beta
        self._steps = steps
        self._epsilon = epsilon
        self._cap = cap

    def __call__(self, observation: Observation) -> Weights:
        """The weights after this step's products were added."""
        losses = observation.losses  # the scale turns their gradients into those that are compared and learnt from
        scale = torch.ones_like(losses) if self._epsilon is None else 1 / (losses + self._epsilon)
        memory = self.recall(losses.device)
        products = memory["products"] + observation.products[1:, 0] * scale[1:] * scale[0]
        summed = memory["summed"] + 1
        due = summed >= self._steps
        moved = (memory["weights"] + self._beta * products).clamp(min=0, max=self._cap)
        weights = torch.where(due, moved, memory["weights"])
        kept = torch.where(due, 0.0, 1.0)
        self.remember(weights=weights, products=kept * products, summed=kept * summed)
        return Weights.same(scale * torch.cat([torch.ones_like(scale[:1]), weights]))


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> OlAux:
    """The weighting in a method's variant."""
    return OlAux(len(tasks), settings["beta"], settings["steps"], settings.get("epsilon"), settings.get("cap"))
