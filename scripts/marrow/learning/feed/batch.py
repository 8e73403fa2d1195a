"""A batch: the instances of several bags, concatenated, on the device."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from marrow.learning.pooling.segments import Segments


@dataclass(frozen=True)
class Batch:
    """The input of one training step.

    Attributes:
        patches: (instances, *shape), float32, without margin, not yet scaled.
        segments: which instances belong to which bag.
        labels: (bags,), int64, class numbers; -1 where the class is unknown.
        auxiliary: name of a task -> (instances,): class numbers as int64, -1 where unknown, or values as float32, NaN
            where unknown.
        instances: (instances,), int64, the position of each instance among all instances of the feed.
        bags: ids of the bags.
    """

    patches: Tensor
    segments: Segments
    labels: Tensor
    auxiliary: Mapping[str, Tensor]
    instances: Tensor
    bags: tuple[str, ...]
