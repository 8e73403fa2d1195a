"""The data loader of training: gives batches of bags, augmented for an epoch or without augmentation.

Random numbers depend on (seed, epoch, bag) alone. On the CPU, the values of a bag are therefore the same to the last
bit whichever bags share its batch, whichever were read before, and wherever bags are kept.
"""

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.bags.attributes import Attribute, numbers_of
from marrow.bags.manifest import Entry
from marrow.device.random_state import named_seed
from marrow.learning.feed.augmenter import Augmenter, Drawn, cropped
from marrow.learning.feed.bag_store import BagStore, StoredBag
from marrow.learning.feed.prefetch import prefetch
from marrow.learning.pooling.segments import Segments

PREFETCH_BYTES = 2**27
PARAMETER_BYTES = 1024  # of augmentation, for one instance, roughly

Read = tuple[StoredBag, Drawn | None]
_log = logging.getLogger(__name__)


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
        attributes: (bags, attributes), float32, the numbers that stand for those of the method, NaN where unknown.
    """

    patches: Tensor
    segments: Segments
    labels: Tensor
    auxiliary: Mapping[str, Tensor]
    instances: Tensor
    bags: tuple[str, ...]
    attributes: Tensor


class Feed:
    """Bags numbered from 0, read in any order: those at `positions` of a store that several feeds may share, or all.

    Attributes:
        entries: the manifest's rows of the bags.
        lengths: number of instances of each bag.
        labels: (bags,), class numbers; -1 where unknown.
        attributes: (bags, attributes), the numbers that stand for the declared ones, NaN where unknown.
    """

    def __init__(
        self,
        store: BagStore,
        positions: Sequence[int] | None = None,
        augmentation: Augmenter | None = None,
        seed: int = 0,
        attributes: Sequence[Attribute] = (),
    ) -> None:
        self._store = store
        self._positions = range(len(store.entries)) if positions is None else positions
        self._augmentation, self._seed = augmentation, seed
        self.entries = [store.entries[position] for position in self._positions]
        self.lengths = [entry.instances for entry in self.entries]
        self.labels: npt.NDArray[np.int64] = np.array([entry.label for entry in self.entries], np.int64)
        self._declared = attributes
        numbers = [numbers_of(attributes, entry.attributes, entry.bag) for entry in self.entries]
        self.attributes = torch.tensor(numbers, dtype=torch.float32).view(len(numbers), len(attributes))
        self._starts = np.cumsum([0, *self.lengths]).tolist()
        if augmentation and (note := augmentation.note(store.layout)):
            _log.warning("%s: %s", store.manifest.dataset, note)

    def __len__(self) -> int:
        """How many bags there are."""
        return len(self.entries)

    @property
    def instances(self) -> int:
        """How many instances there are in all."""
        return self._starts[-1]

    def ids(self, positions: Iterable[int]) -> list[str]:
        """The ids of some bags."""
        return [self.entries[position].bag for position in positions]

    def part(self, entries: Iterable[Entry], augmentation: Augmenter | None = None, seed: int = 0) -> "Feed":
        """A feed of some of these bags, in the order of `entries`, that shares the store.

        Bags and instances are numbered from 0 again.
        """
        numbers = {entry.bag: position for position, entry in enumerate(self.entries)}
        positions = [self._positions[numbers[entry.bag]] for entry in entries]
        return Feed(self._store, positions, augmentation, seed, self._declared)

    def batch(self, positions: Sequence[int], epoch: int | None = None) -> Batch:
        """The batch of some bags, at least one, augmented for an epoch counted from 0; None for no augmentation.

        Margins are cut off.
        """
        return self._batch_of(positions, [self._read((position, epoch)) for position in positions])

    def batches(
        self, groups: Iterable[Sequence[int]], epoch: int | None = None
    ) -> Generator[tuple[Sequence[int], Batch]]:
        """Each group of bags with its batch; following bags are read in a thread while a batch is in use."""
        planned = list(groups)
        keys = [(position, epoch) for group in planned for position in group]
        with closing(prefetch(self._read, keys, self._allocated_bytes, PREFETCH_BYTES)) as bags:
            for group in planned:
                yield group, self._batch_of(group, [next(bags) for _ in group])

    def _read(self, key: tuple[int, int | None]) -> Read:
        """Read a bag and draw the parameters of its augmentation: the work that a thread does ahead of use."""
        position, epoch = key
        entry, bag = self.entries[position], self._store.bag(self._positions[position])
        if epoch is None or self._augmentation is None:
            return bag, None
        return bag, self._augmentation.draw(self._store.layout, entry.instances, self._seed, epoch, entry.bag)

    def _allocated_bytes(self, key: tuple[int, int | None]) -> int:
        position, _ = key
        return self._store.allocated_bytes(self._positions[position]) + PARAMETER_BYTES * self.lengths[position]

    def _batch_of(self, positions: Sequence[int], bags: Sequence[Read]) -> Batch:
        device = self._store.device
        starts = ((self._starts[position], self._starts[position + 1]) for position in positions)
        return Batch(
            patches=_joined([self._patches(*bag) for bag in bags]),
            segments=Segments.of([self.lengths[position] for position in positions], device),
            labels=torch.from_numpy(self.labels[list(positions)]).to(device),
            auxiliary={
                task.name: _joined([self._labels(task_position, *bag) for bag in bags])
                for task_position, task in enumerate(self._store.tasks)
            },
            instances=_joined([torch.arange(*ends, device=device) for ends in starts]),
            bags=tuple(self.ids(positions)),
            attributes=self.attributes[list(positions)].to(device),
        )

    def _patches(self, bag: StoredBag, drawn: Drawn | None) -> Tensor:
        """A bag's patches, augmented bag by bag: rounding must not depend on the other bags of the batch."""
        patches = bag.patches.to(self._store.device, non_blocking=True)
        return cropped(patches, self._store.layout) if drawn is None else drawn.patches(patches)

    def _labels(self, task: int, bag: StoredBag, drawn: Drawn | None) -> Tensor:
        declared = self._store.tasks[task]
        labels = bag.auxiliary[declared.name].to(self._store.device, non_blocking=True)
        return labels if drawn is None else drawn.labels(labels, declared)


def order(seed: int, epoch: int, count: int) -> list[int]:
    """The numbers 0 to count - 1 shuffled for an epoch; depends on (seed, epoch) and the count alone."""
    return np.random.default_rng(named_seed("order", seed, epoch)).permutation(count).tolist()


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
