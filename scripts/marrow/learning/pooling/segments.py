"""Packed bags: the instances of several bags one after another, and which bag each belongs to.

Nothing is padded, so no bag pays for the length of another, and every reduction below equals that of one bag at a time.
Results are float32 at least, whatever autocast does around them. On the processor they are the same bits every time; on
a GPU where PyTorch is told to be deterministic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segments:
    """Which instances are those of which bag.

    Attributes:
        lengths: (bags,), int64, how many instances each bag has, at least 1.
        index: (instances,), int64, the number of each instance's bag, ascending.
    """

    lengths: Tensor
    index: Tensor

    @property
    def bags(self) -> int:
        """How many bags there are."""
        return len(self.lengths)

    @classmethod
    def of(cls, lengths: Sequence[int], device: torch.device | str = "cpu") -> "Segments":
        """Bags of these lengths, one after another."""
        if not lengths or min(lengths) < 1:
            raise ValueError(f"bags of {list(lengths)} instances cannot be packed; each needs at least one")
        counts = torch.tensor(lengths, dtype=torch.int64)
        index = torch.repeat_interleave(torch.arange(len(lengths)), counts)
        return cls(counts.to(device), index.to(device))


def at_least_float32(values: Tensor) -> Tensor:
    """Values of half the precision as float32, others as they are."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def spread(values: Tensor, segments: Segments) -> Tensor:
    """Give each instance what its bag has: (bags, ...) -> (instances, ...)."""
    if segments.bags == 1:
        return values.expand(len(segments.index), *values.shape[1:])
    return values.index_select(0, segments.index)


def segment_sum(values: Tensor, segments: Segments) -> Tensor:
    """Sum over each bag: (instances, ...) -> (bags, ...)."""
    values = at_least_float32(values)
    if segments.bags == 1:
        return values.sum(0, keepdim=True)
    return values.new_zeros(segments.bags, *values.shape[1:]).index_add(0, segments.index, values)


def segment_mean(values: Tensor, segments: Segments) -> Tensor:
    """Mean over each bag: (instances, ...) -> (bags, ...)."""
    return segment_sum(values, segments) / segments.lengths.view(-1, *[1] * (values.dim() - 1))


def segment_max(values: Tensor, segments: Segments) -> Tensor:
    """Maximum over each bag: (instances, ...) -> (bags, ...).

    Instances that share a maximum share its gradient evenly, so that their order does not matter.
    """
    values = at_least_float32(values)
    if segments.bags == 1:
        return values.amax(0, keepdim=True)
    index = segments.index.view(-1, *[1] * (values.dim() - 1)).expand_as(values)
    lowest = values.new_full((segments.bags, *values.shape[1:]), -torch.inf)
    return lowest.scatter_reduce(0, index, values, "amax")


def segment_softmax(values: Tensor, segments: Segments) -> Tensor:
    """Softmax over the instances of each bag: (instances, ...) -> the same shape, of sum one in each bag."""
    values = at_least_float32(values)
    if segments.bags == 1:
        return torch.softmax(values, 0)
    exponentials, _ = _exponentials(values, segments)
    return exponentials / spread(segment_sum(exponentials, segments), segments)


def attend(embeddings: Tensor, scores: Tensor, segments: Segments) -> tuple[Tensor, Tensor]:
    """Embeddings (instances, width) and their scores (instances,) -> attention (instances,) and bags (bags, width)."""
    attention = segment_softmax(scores, segments)
    return attention, segment_sum(attention[:, None] * embeddings, segments)


def segment_logsumexp(values: Tensor, segments: Segments) -> Tensor:
    """Logarithm of the sum of exponentials over each bag: (instances, ...) -> (bags, ...)."""
    values = at_least_float32(values)
    if segments.bags == 1:
        return torch.logsumexp(values, 0, keepdim=True)
    exponentials, largest = _exponentials(values, segments)
    return segment_sum(exponentials, segments).log() + largest


def _exponentials(values: Tensor, segments: Segments) -> tuple[Tensor, Tensor]:
    """exp(x - m) with the maximum m of each bag, and m; no result depends on m, so it has no gradient."""
    largest = segment_max(values.detach(), segments)
    return torch.exp(values - spread(largest, segments)), largest
