"""Auxiliary tasks: one linear head a task on the embeddings of instances, and the loss of what it says.

A task with classes is asked for one of them (cross-entropy), one without for a value (squared error, in standard
deviations of the training instances). Losses are means over the instances of the step whose answer is known; where none
is, the loss is zero.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.bags.bag import Task

UNKNOWN = -1


class ClassHead(nn.Linear):
    """Which class an instance is in."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(width, classes)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of logits (instances, classes) to labels (instances,), -1 where unknown."""
        known = (labels != UNKNOWN).sum().clamp(min=1)
        return functional.cross_entropy(logits, labels, ignore_index=UNKNOWN, reduction="sum") / known

    def read(self, logits: Tensor) -> Tensor:
        """The likeliest class, (instances,)."""
        return logits.argmax(1)


class ValueHead(nn.Linear):
    """What value an instance has.

    Args:
        width: of the embedding.
        mean, std: of the values of the training instances.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, width: int, mean: float = 0.0, std: float = 1.0) -> None:
        super().__init__(width, 1)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std or 1.0))

    def loss(self, answers: Tensor, values: Tensor) -> Tensor:
        """Mean squared error of answers (instances, 1) to values (instances,), NaN where unknown."""
        known = ~torch.isnan(values)
        wanted = torch.where(known, (values - self.mean) / self.std, answers[:, 0].detach())
        return (answers[:, 0] - wanted).square().sum() / known.sum().clamp(min=1)

    def read(self, answers: Tensor) -> Tensor:
        """The values, (instances,)."""
        return answers[:, 0] * self.std + self.mean


Head = ClassHead | ValueHead


def head_of(task: Task, width: int, mean: float = 0.0, std: float = 1.0) -> Head:
    """The head that a task needs."""
    return ClassHead(width, len(task.classes)) if task.classes else ValueHead(width, mean, std)
