"""All tasks count the same, the first comparison of ATMIL (MICCAI 2021, section 3): L = L_m + sum_i L_i."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class Uniform(Weighting):
    """Weighs every task with one."""

    def __call__(self, observation: Observation) -> Weights:
        """Ones."""
        return Weights.same(torch.ones_like(observation.losses))


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Uniform:
    """The weighting; it has no settings."""
    return Uniform()
