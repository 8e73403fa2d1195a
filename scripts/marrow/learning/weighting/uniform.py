"""All tasks count the same, the first comparison of ATMIL (MICCAI 2021, section 3): L = L_m + sum_i L_i."""

from collections.abc import Sequence

import torch

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class Uniform(Weighting):
    """Weighs every task with one."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        del tasks

    def __call__(self, seen: Observation) -> Weights:
        """Ones."""
        return Weights.same(torch.ones_like(seen.losses))
