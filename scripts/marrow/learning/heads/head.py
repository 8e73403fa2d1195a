"""What every auxiliary head offers: answers from the embeddings of instances, their loss, and what they mean."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

UNKNOWN = -1  # the label of an instance whose class is not known; a value that is not known is NaN


class Head(nn.Linear, ABC):
    """A linear layer from embeddings (instances, width) to answers (instances, outputs)."""

    @abstractmethod
    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """The mean loss, a single number, over the instances whose label is known; 0 where none is.

        Answers are (instances, outputs), labels (instances,): int64 for a task with classes, else float32.
        """

    @abstractmethod
    def read(self, answers: Tensor) -> Tensor:
        """The classes or values (instances,) that answers (instances, outputs) stand for."""
