"""What every pooling gives: the embeddings of packed bags in, a verdict on each bag out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marrow.learning.pooling.segments import Segments, at_least_float32


@dataclass(frozen=True)
class Experts:
    """What two experts say of packed bags, and how much each counts.

    Attributes:
        pictures: (bags, outputs), logits of the expert on pictures.
        attributes: (bags, outputs), logits of the expert on attributes.
        share: (bags,), of the pictures, from 0 to 1; the attributes have the rest.
    """

    pictures: Tensor
    attributes: Tensor
    share: Tensor


@dataclass(frozen=True)
class Pooled:
    """What a pooling says of packed bags.

    Attributes:
        logits: (bags, outputs), for `marrow.learning.pooling.outputs`: one output for two classes, or one for each
            class.
        attention: (instances,), not negative, of sum one in each bag; None where a pooling weighs no instances.
        instance_logits: (instances, outputs), what it says of single instances; None where it says nothing of them.
            All poolings here give what they would say of a bag of that instance alone.
        embedding: (bags, width), what the classifier sees of a bag; None where instances are classified first.
        experts: what the two experts say whose verdicts are joined; None where there is one.
    """

    logits: Tensor
    attention: Tensor | None = None
    instance_logits: Tensor | None = None
    embedding: Tensor | None = None
    experts: Experts | None = None


class Pooling(nn.Module, ABC):
    """Pools the embeddings of each bag and classifies it; the classifier is a part of it."""

    def forward(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width) of packed bags, in float32 at least: it is cheap, and its sums are long."""
        if len(embeddings) != len(segments.index):
            raise ValueError(f"{len(embeddings)} embeddings, but the bags have {len(segments.index)} instances")
        with torch.autocast(embeddings.device.type, enabled=False):
            return self.pool(at_least_float32(embeddings), segments)

    @abstractmethod
    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width), in full precision."""


class LinearPooling(Pooling):
    """A pooling with a linear classifier, of one output for two classes, or one for each class."""

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(width, outputs)
