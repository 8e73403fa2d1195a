"""UPGrad: each gradient is projected to where no task is hurt (Quinton and Rey, 2024, "Jacobian descent").

    sum_i argmin |p_i - g_i|^2 subject to <p_i, g_j> >= 0 for all j

The quadratic programs in the Gramian are TorchJD's, an optional extra. They run on the processor in double precision,
so a GPU is waited for at every step. Without a conflict all weights are 1, as with `uniform`; with one auxiliary task
the rule is PCGrad. Heads get their full gradient.

TorchJD adds 1e-4 of the sum of all squared lengths to each gradient's own square. Main and auxiliary gradients differ
by more than that, so it is given gradients of length one, and the lengths as how much each task counts: the same
problem in other variables.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.errors import MarrowError
from marrow.learning.weighting.weighting import Observation, Weighting, Weights

_SHORTEST = 1e-9  # next to the longest gradient; what is shorter is no gradient


class UPGrad(Weighting):
    """Weighs gradients on the trunk with TorchJD's UPGrad.

    Raises:
        MarrowError: TorchJD is not installed, or its solver is not.
    """

    def __init__(self, tasks: int) -> None:
        self._torchjd = _torchjd(1 + tasks)

    def __call__(self, observation: Observation) -> Weights:
        """TorchJD's weights; ones for the heads."""
        ones = torch.ones_like(observation.losses)
        lengths = observation.products.diagonal().clamp(min=0).sqrt()
        scale = torch.where(lengths > _SHORTEST * lengths.max(), lengths, 1)
        self._torchjd.pref_vector = scale
        weights: Tensor = self._torchjd(observation.products / scale / scale[:, None])
        return Weights((weights / scale).to(ones), ones)


def _torchjd(count: int) -> Any:
    try:
        return import_module("torchjd.aggregation").UPGradWeighting(pref_vector=torch.ones(count))
    except ImportError as error:
        raise MarrowError(
            f"weighting upgrad needs TorchJD and its solver ({error}); install them with "
            'pip install "torchjd[quadprog-projector]", or choose pcgrad, which needs nothing more.'
        ) from None


def make(settings: Mapping[str, Any], tasks: Sequence[Task]) -> UPGrad:
    """The weighting; it has no settings."""
    return UPGrad(len(tasks))
