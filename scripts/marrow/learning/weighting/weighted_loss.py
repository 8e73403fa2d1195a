"""Weighted loss, annealed by the epoch (Sadafi et al., MICCAI 2020; in ATMIL's comparison gamma is 0.5).

    L = (1 - gamma^t) L_m + gamma^t sum_i L_i,   t = epoch, from `first_epoch` up

Counted from 0, as in the code of Sadafi et al., the first epoch learns the auxiliary tasks alone; counted from 1 it
weighs both with a half. With gamma 0.5 the auxiliary tasks are below 1% after 7 epochs; Sadafi's attention model uses
0.95. With several auxiliary tasks each has gamma^t.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class WeightedLoss(Weighting):
    """Weighs by the epoch, from `first_epoch` up; `gamma` is what is left of the auxiliary weight after each."""

    def __init__(self, gamma: float, first_epoch: int) -> None:
        self._gamma = gamma
        self._first_epoch = first_epoch

    def __call__(self, observation: Observation) -> Weights:
        """1 - gamma^t for the main task, gamma^t for the others."""
        auxiliary = self._gamma ** (observation.epoch + self._first_epoch)
        weights = torch.full_like(observation.losses, auxiliary)
        weights[0] = 1 - auxiliary
        return Weights.same(weights)


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> WeightedLoss:
    """The weighting of a method."""
    return WeightedLoss(settings["gamma"], settings["first_epoch"])
