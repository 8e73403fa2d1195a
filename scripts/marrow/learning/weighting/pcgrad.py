"""PCGrad: gradients that conflict give up their conflicting part (Yu et al., NeurIPS 2020, algorithm 1).

    for each task i, over the other tasks j in random order:   if <p_i, g_j> < 0:  p_i <- p_i - <p_i, g_j> / |g_j|^2 g_j

from p_i = g_i; the update is sum_i p_i. Each p_i is a combination of the g_j, so the coefficients follow from the
Gramian alone. With one auxiliary task there is no order, and in a conflict

    w_m = 1 - <g_m, g_a> / |g_m|^2,   w_a = 1 - <g_m, g_a> / |g_a|^2,

which does not go against either task. Heads get their full gradient. The order comes from the number of the step: a
resumed training draws the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class PCGrad(Weighting):
    """Projects gradients on the trunk out of each other's way."""

    def __call__(self, observation: Observation) -> Weights:
        """The coefficients of the projected gradients' sum; ones for the heads."""
        chance = torch.Generator().manual_seed(observation.step)
        count = len(observation.losses)
        orders: list[list[int]] = [torch.randperm(count, generator=chance).tolist() for _ in range(count)]
        return Weights(projected(observation.products, orders), torch.ones_like(observation.losses))


def projected(gramian: Tensor, orders: Sequence[Sequence[int]]) -> Tensor:
    """The coefficients (tasks,) of the sum of projected gradients; `orders` has, for each task, that of the others."""
    squares = gramian.diagonal().clamp(min=torch.finfo(gramian.dtype).tiny)
    one = torch.eye(len(gramian), dtype=gramian.dtype, device=gramian.device)
    total = torch.zeros_like(squares)
    for task, order in enumerate(orders):
        coefficients = one[task]
        for other in order:
            if other != task:
                conflict = (gramian[other] * coefficients).sum().clamp(max=0)
                coefficients = coefficients - conflict / squares[other] * one[other]
        total = total + coefficients
    return total


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> PCGrad:
    """The weighting; it has no settings."""
    return PCGrad()
