"""Which class an instance is in: cross-entropy, its mean over the instances of the step whose class is known."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import functional

from marrow.bags.bag import Task
from marrow.learning.heads.head import UNKNOWN, Head


class ClassHead(Head):
    """One output a class."""

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of logits (instances, classes) to labels (instances,), -1 where unknown."""
        known = (labels != UNKNOWN).sum().clamp(min=1)
        return functional.cross_entropy(answers, labels, ignore_index=UNKNOWN, reduction="sum") / known

    def read(self, answers: Tensor) -> Tensor:
        """The likeliest class, (instances,)."""
        return answers.argmax(1)


def make(settings: Mapping[str, Any], task: Task, width: int, mean: float, std: float) -> ClassHead:
    """The head of a task with classes."""
    return ClassHead(width, len(task.classes))
