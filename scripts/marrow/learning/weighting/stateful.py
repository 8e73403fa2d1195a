"""Rules with a memory: named tensors, replaced from step to step, never changed in place, so that a state stays."""

from collections.abc import Mapping

import torch
from torch import Tensor

from marrow.learning.weighting.weighting import Weighting


class Remembering(Weighting):
    """A weighting that remembers tensors by name; it is given what they are before the first step."""

    def __init__(self, **memory: Tensor) -> None:
        self._memory = memory

    def state(self) -> Mapping[str, Tensor]:
        """What is remembered, by name."""
        return self._memory

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        super().restore(state)
        self._memory = dict(state)

    def recall(self, device: torch.device) -> Mapping[str, Tensor]:
        """The memory, moved to the device where the losses are."""
        self._memory = {name: tensor.to(device) for name, tensor in self._memory.items()}
        return self._memory

    def remember(self, **memory: Tensor) -> None:
        """Replace some of the memory; a state that was given out stays as it was."""
        self._memory = {**self._memory, **memory}


def renewed(average: Tensor, new: Tensor, keep: float) -> Tensor:
    """An exponential average with a new value in it: keep a + (1 - keep) x; with `keep` 0 the value itself.

    It starts at 0, so early averages are too small, all by one factor: the rules look at ratios alone.
    """
    return keep * average + (1 - keep) * new
