"""The batches of several seeds as tensors of one length.

Each seed has its own order of bags, so that the batches of one step differ in their number of instances. Shorter ones
are padded with instances of zeros, which form one more bag behind the real ones. The output for this bag is dropped and
its instances have no auxiliary labels, so that no loss depends on it. It has one instance at least, because poolings
such as the maximum are undefined for an empty bag.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from marrow.learning.feed.feed import Batch
from marrow.learning.heads.head import UNKNOWN


@dataclass(frozen=True)
class PaddedBatch:
    """One batch for each seed.

    Attributes:
        patches: (seeds, instances, *shape).
        lengths: (seeds, bags + 1), number of instances of each bag, that of the padding last.
        index: (seeds, instances), number of the bag that an instance belongs to.
        labels: (seeds, bags).
        auxiliary: name of a task -> (seeds, instances).
    """

    patches: Tensor
    lengths: Tensor
    index: Tensor
    labels: Tensor
    auxiliary: dict[str, Tensor]

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> "PaddedBatch":
        """Stack batches that have equally many bags."""
        bags = batches[0].segments.bags
        lengths = [len(batch.patches) for batch in batches]
        padded_length = max(lengths) + 1
        padding = torch.tensor([[padded_length - length] for length in lengths]).to(batches[0].patches.device)
        return cls(
            patches=_padded([batch.patches for batch in batches], padded_length, 0),
            lengths=torch.cat([torch.stack([batch.segments.lengths for batch in batches]), padding], 1),
            index=_padded([batch.segments.index for batch in batches], padded_length, bags),
            labels=torch.stack([batch.labels for batch in batches]),
            auxiliary={
                task: _padded([batch.auxiliary[task] for batch in batches], padded_length, _unknown(labels))
                for task, labels in batches[0].auxiliary.items()
            },
        )


def _padded(parts: Sequence[Tensor], length: int, value: float) -> Tensor:
    """Tensors (n, ...) of different n, padded with a value and stacked: (parts, length, ...)."""
    padded = parts[0].new_full((len(parts), length, *parts[0].shape[1:]), value)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return padded


def _unknown(labels: Tensor) -> float:
    """The value of a missing label: -1 for classes, NaN for numbers."""
    return math.nan if labels.is_floating_point() else UNKNOWN
