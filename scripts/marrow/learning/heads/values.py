"""What value an instance has: squared error in standard deviations of the training instances.

The loss is the mean over the instances of the step whose value is known.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from marrow.bags.bag import Task
from marrow.learning.heads.head import Head


class ValueHead(Head):
    """One output, the value in standard deviations from the mean of the training instances' values."""

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__(width, 1)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std or 1.0))

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Mean squared error of answers (instances, 1) to values (instances,), NaN where unknown."""
        known = ~torch.isnan(labels)
        targets = torch.where(known, (labels - self.mean) / self.std, answers[:, 0].detach())
        return (answers[:, 0] - targets).square().sum() / known.sum().clamp(min=1)

    def read(self, answers: Tensor) -> Tensor:
        """The values, (instances,)."""
        return answers[:, 0] * self.std + self.mean


def make(settings: Mapping[str, Any], task: Task, width: int, mean: float, std: float) -> ValueHead:
    """The head of a task without classes."""
    return ValueHead(width, mean, std)
