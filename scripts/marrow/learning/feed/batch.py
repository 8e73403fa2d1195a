"""What a step of training sees: some bags, packed one after another, on the device."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from marrow.learning.pooling.segments import Segments


@dataclass(frozen=True)
class Batch:
    """Packed bags.

    Attributes:
        patches: (instances, *shape), float32, without margin, in the numbers that they are stored in.
        segments: which instances are those of which bag.
        labels: (bags,), int64, the number of each bag's class; -1 where it is unknown.
        auxiliary: name of a task -> (instances,): numbers of classes as int64, -1 where unknown, or values as float32,
            NaN where unknown.
        instances: (instances,), int64, where each instance lies among all of the feed.
        bags: their ids.
    """

    patches: Tensor
    segments: Segments
    labels: Tensor
    auxiliary: Mapping[str, Tensor]
    instances: Tensor
    bags: tuple[str, ...]
