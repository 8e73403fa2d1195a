"""What a feed asks of an augmentation, and the plain crop that it makes without one.

Only a training that augments imports an augmentation, by its name: its code counts for no other run.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from marrow.bags.bag import Layout, Task
from marrow.planning.kinds import augmentation

Blocks = Iterable[Tensor]  # of training patches, (instances, *shape) each, without margin


class Drawn(Protocol):
    """The random changes of one bag in one epoch."""

    def patches(self, stored: Tensor) -> Tensor:
        """Stored patches (instances, *layout.shape), changed and without their margin, in float32."""
        ...

    def labels(self, labels: Tensor, task: Task) -> Tensor:
        """Labels (instances,) of an auxiliary task after the changes."""
        ...


class Augmenter(Protocol):
    """Draws the random changes of bags."""

    def note(self, layout: Layout) -> str | None:
        """A warning where the margin of the patches is too small for the changes."""
        ...

    def fit(self, blocks: Blocks) -> None:
        """Learn from the training patches what it has to know, before anything is drawn."""
        ...

    def draw(self, layout: Layout, instances: int, seed: int, epoch: int, bag: str) -> Drawn:
        """The changes of a bag, from (seed, epoch, bag) alone."""
        ...


def augmenter_of(settings: Mapping[str, Any] | None) -> Augmenter | None:
    """The augmentation with these settings; None for none."""
    return augmentation(settings["kind"]).make(settings) if settings else None


def cropped(patches: Tensor, layout: Layout) -> Tensor:
    """Stored patches (instances, *layout.shape) without their margin, copied to float32 bit by bit."""
    inner = slice(layout.margin, -layout.margin or None)
    spatial = (inner,) * (len(layout.shape) - 1)
    return patches[(..., *spatial)].to(torch.float32, copy=True, memory_format=torch.contiguous_format)
