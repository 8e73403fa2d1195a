"""The main task alone, as in attention-based MIL (Ilse et al., ICML 2018): w = (1, 0, .., 0)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class MainOnly(Weighting):
    """Weighs nothing but the main task; auxiliary losses are recorded but not learnt from."""

    def __call__(self, observation: Observation) -> Weights:
        """One for the main task."""
        first = torch.zeros_like(observation.losses)
        first[0] = 1
        return Weights.same(first)


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> MainOnly:
    """The weighting; it has no settings."""
    return MainOnly()
