"""The batches of several runs side by side, filled up to one length.

Each run has an order of bags of its own, so batches differ in length. What is missing is filled up with instances of
zeros that make one more bag, behind the real ones. Nobody reads the verdict on it, and its instances have no auxiliary
label, so that no loss depends on it. It is never empty: a bag without instances has no maximum.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from marrow.learning.feed.batch import Batch
from marrow.learning.heads.head import UNKNOWN


@dataclass(frozen=True)
class Padded:
    """Batches of several runs.

    Attributes:
        patches: (runs, instances, *shape).
        lengths: (runs, bags + 1), how many instances each bag has, the filling last.
        index: (runs, instances), the number of each instance's bag.
        labels: (runs, bags).
        auxiliary: name of a task -> (runs, instances).
    """

    patches: Tensor
    lengths: Tensor
    index: Tensor
    labels: Tensor
    auxiliary: dict[str, Tensor]

    @classmethod
    def of(cls, batches: Sequence[Batch]) -> "Padded":
        """Put batches of equally many bags side by side."""
        bags = batches[0].segments.bags
        lengths = [len(batch.patches) for batch in batches]
        whole = max(lengths) + 1
        filling = torch.tensor([[whole - length] for length in lengths]).to(batches[0].patches.device)
        return cls(
            patches=_filled([batch.patches for batch in batches], whole, 0),
            lengths=torch.cat([torch.stack([batch.segments.lengths for batch in batches]), filling], 1),
            index=_filled([batch.segments.index for batch in batches], whole, bags),
            labels=torch.stack([batch.labels for batch in batches]),
            auxiliary={
                task: _filled([batch.auxiliary[task] for batch in batches], whole, _unknown(labels))
                for task, labels in batches[0].auxiliary.items()
            },
        )


def _filled(parts: Sequence[Tensor], length: int, value: float) -> Tensor:
    """Tensors (n, ...) one below the other, (parts, length, ...)."""
    filled = parts[0].new_full((len(parts), length, *parts[0].shape[1:]), value)
    for row, part in zip(filled, parts, strict=True):
        row[: len(part)] = part
    return filled


def _unknown(labels: Tensor) -> float:
    """What stands for no label: of classes, or of values."""
    return math.nan if labels.is_floating_point() else UNKNOWN
