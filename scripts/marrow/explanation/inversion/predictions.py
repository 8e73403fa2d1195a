"""What a model says of bags as they are, and of those that it calls positive once these are inverted.

The first class is that of bags in which there is nothing to find. As in the paper, bags that are predicted to be of any
other are inverted, towards the class that is predicted: at a test nobody knows the true one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.explanation.inversion.network import Network
from marrow.explanation.inversion.variants import Variant
from marrow.learning.feed.batch import Batch
from marrow.learning.feed.feed import Feed
from marrow.learning.feed.grouping import grouped

AT_A_TIME = 2**22  # numbers of the instances that are changed together; memory holds many times as many

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """What a model says of a bag.

    Attributes:
        predicted: the likeliest class of the bag as it is.
        probability: of that class, after any inversion.
        attention: (instances,), likewise.
        change: how far its numbers moved from where they were, in the mean; in units.
    """

    predicted: int
    probability: float
    attention: Array
    change: float = 0.0

    @property
    def is_positive(self) -> bool:
        """Whether there is something to find in the bag as it is, says the model."""
        return self.predicted > 0


class Looker:
    """Looks at bags before and after.

    Args:
        network: the model.
        feed: the bags.
        guard: of the model's encoder.
    """

    def __init__(self, network: Network, feed: Feed, guard: OutOfMemoryGuard) -> None:
        self._network = network
        self._feed = feed
        self._guard = guard

    def before(self) -> list[Look]:
        """Of every bag."""
        return [look for looks in self._each(range(len(self._feed)), None, []) for look in looks]

    def after(self, variant: Variant, looks: Sequence[Look]) -> list[Look]:
        """Of every bag: after an inversion of those that looked positive, and as it was for the others.

        Args:
            variant: how they are inverted.
            looks: of every bag, before.
        """
        positions = [position for position, look in enumerate(looks) if look.is_positive]
        found = self._each(positions, variant, [looks[position].predicted for position in positions])
        changed = dict(zip(positions, (look for group in found for look in group), strict=True))
        return [changed.get(position, look) for position, look in enumerate(looks)]

    def patches(self, variant: Variant, position: int, predicted: int) -> tuple[Tensor, Tensor]:
        """The instances of a bag in units before and after, (instances, *shape) each, on the processor."""
        batch = self._feed.batch([position])
        units = self._network.space.units(batch.patches)
        moved = self._guard.attempt(partial(self._moved, batch, units, variant, [predicted]))
        return units.cpu(), moved.cpu()

    def _each(self, positions: Sequence[int], variant: Variant | None, targets: Sequence[int]) -> Iterator[list[Look]]:
        """Of some bags, a group of them at a time."""
        lengths = [self._feed.lengths[position] for position in positions]
        if not lengths:
            return
        numbers = self._feed.batch([positions[0]]).patches[0].numel()
        groups = list(grouped(lengths, AT_A_TIME // numbers))
        batches = self._feed.batches([[positions[place] for place in group] for group in groups])
        for group, (_, batch) in zip(groups, batches, strict=True):
            aims = [targets[place] for place in group] if variant else []
            yield self._guard.attempt(partial(self._looks, batch, variant, aims))

    def _looks(self, batch: Batch, variant: Variant | None, targets: Sequence[int]) -> list[Look]:
        units = self._network.space.units(batch.patches)
        moved = self._moved(batch, units, variant, targets) if variant else units
        probabilities, attention = (each.cpu().numpy() for each in self._network.look(moved, batch.segments))
        changes = (moved - units).abs().flatten(1).mean(1).cpu().numpy()
        ends = np.cumsum(batch.segments.lengths.cpu().numpy())[:-1]
        predicted = targets or probabilities.argmax(1).tolist()
        return [
            Look(aim, float(of_classes[aim]), of_instances, float(change.mean()))
            for aim, of_classes, of_instances, change in zip(
                predicted, probabilities, np.split(attention, ends), np.split(changes, ends), strict=True
            )
        ]

    def _moved(self, batch: Batch, units: Tensor, variant: Variant, targets: Sequence[int]) -> Tensor:
        aims = torch.tensor(targets, device=units.device)
        network = self._network
        return variant.move(units, lambda at: network.gradient(at, batch.segments, aims), network.space.within)
