"""Auxiliary tasks only where they point the main task's way (Du et al., 2018, "Adapting auxiliary losses").

    as-printed:  w_i = 1 where cos(g_m, g_i) > 0, else 0
    weighted:    w_i = max(0, cos(g_m, g_i))

The gate is on the shared trunk; heads always get their full gradient, so that an auxiliary task that is shut out goes
on learning and may come back. Du et al. print (sign cos + 1) / 2, which lets half of an orthogonal task in; ATMIL asks
for a positive cosine. Gradients of bags of one are noisy, and the sign of a noisy product is close to a coin's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.weighting.weighting import Observation, Weighting, Weights


class Cosine(Weighting):
    """Gates auxiliary gradients on the trunk."""

    def __init__(self, variant: str) -> None:
        self._weighted = variant == "weighted"

    def __call__(self, observation: Observation) -> Weights:
        """One for the main task, the gates for the others; ones for the heads."""
        similar = cosines(observation.products)
        gates = similar.clamp(0, 1) if self._weighted else (similar > 0).to(similar.dtype)
        whole = torch.ones_like(gates)
        return Weights(torch.cat([whole[:1], gates[1:]]), whole)


def cosines(gramian: Tensor) -> Tensor:
    """(1 + tasks,), the cosine of each gradient with the main one; 0 where either is zero."""
    norms = gramian.diagonal().clamp(min=0).sqrt()
    scale = norms * norms[0]
    return torch.where(scale > 0, gramian[0] / scale, 0)


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Cosine:
    """The weighting in a method's variant."""
    return Cosine(settings["variant"])
