"""Feeds a training with packed bags: augmented as the epoch wants it, or as they are.

All chance comes from (seed, epoch, bag): how bags are packed, what was read before, and whether they lie on the device
or are read while training change no bit on the processor.
"""

import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.bags.manifest import Entry
from marrow.device.random_state import named_seed
from marrow.learning.augment.bag import augment, cropped, mirrored
from marrow.learning.augment.parameters import Parameters, draw_parameters
from marrow.learning.augment.settings import Augmentation, margin_note
from marrow.learning.feed.bag_store import StoredBag, StoredBags
from marrow.learning.feed.batch import Batch
from marrow.learning.feed.prefetch import made_ahead
from marrow.learning.pooling.segments import Segments

AHEAD_BYTES = 2**27
DRAWN_BYTES = 1024  # of an instance's parameters, about

Prepared = tuple[StoredBag, Parameters | None]
_log = logging.getLogger(__name__)


class Feed:
    """Some bags, numbered from 0, to be taken in any order.

    Args:
        stored: where the bags are; several feeds may share it.
        positions: which of those, in order; all by default.
        augmentation: what training does to them; None to leave them as they are.
        seed: of the augmentation.

    Attributes:
        entries: the bags.
        lengths: how many instances each has.
        labels: (bags,), the numbers of their classes; -1 where unknown.
    """

    def __init__(
        self,
        stored: StoredBags,
        positions: Sequence[int] | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self._stored = stored
        self._positions = range(len(stored.entries)) if positions is None else positions
        self._augmentation, self._seed = augmentation, seed
        self.entries = [stored.entries[position] for position in self._positions]
        self.lengths = [entry.instances for entry in self.entries]
        self.labels: npt.NDArray[np.int64] = np.array([entry.label for entry in self.entries], np.int64)
        self._starts = np.cumsum([0, *self.lengths]).tolist()
        if augmentation and (note := margin_note(augmentation, stored.layout)):
            _log.warning("%s: %s", stored.manifest.dataset, note)

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

    def part(self, entries: Iterable[Entry], augmentation: Augmentation | None = None, seed: int = 0) -> "Feed":
        """A feed of some of these bags that shares what lies in memory; instances are numbered anew.

        Args:
            entries: which ones, in order.
            augmentation: what training does to them, if anything.
            seed: of the augmentation.
        """
        numbers = {entry.bag: position for position, entry in enumerate(self.entries)}
        positions = [self._positions[numbers[entry.bag]] for entry in entries]
        return Feed(self._stored, positions, augmentation, seed)

    def batch(self, positions: Sequence[int], epoch: int | None = None) -> Batch:
        """Some bags, packed.

        Args:
            positions: which ones, at least one.
            epoch: augmented for this one, counted from 0; None for the bags as they are, their margins cropped off.
        """
        return self._packed(positions, [self._prepared((position, epoch)) for position in positions])

    def batches(
        self, groups: Iterable[Sequence[int]], epoch: int | None = None
    ) -> Generator[tuple[Sequence[int], Batch]]:
        """Each group of bags with its batch; the next ones are read while one is in use.

        Args:
            groups: of bags, each at least one.
            epoch: as for a batch.
        """
        planned = list(groups)
        keys = [(position, epoch) for group in planned for position in group]
        with closing(made_ahead(self._prepared, keys, self._taken_for, AHEAD_BYTES)) as bags:
            for group in planned:
                yield group, self._packed(group, [next(bags) for _ in group])

    def _prepared(self, key: tuple[int, int | None]) -> Prepared:
        """What can be done before a bag's turn and beside the device: reading it and drawing what is done to it."""
        position, epoch = key
        entry, stored = self.entries[position], self._stored.bag(self._positions[position])
        if epoch is None or self._augmentation is None:
            return stored, None
        layout, instances = self._stored.layout, entry.instances
        return stored, draw_parameters(self._augmentation, layout, instances, self._seed, epoch, entry.bag)

    def _taken_for(self, key: tuple[int, int | None]) -> int:
        position, _ = key
        return self._stored.taken_for(self._positions[position]) + DRAWN_BYTES * self.lengths[position]

    def _packed(self, positions: Sequence[int], bags: Sequence[Prepared]) -> Batch:
        device = self._stored.device
        starts = ((self._starts[position], self._starts[position + 1]) for position in positions)
        return Batch(
            patches=_joined([self._patches(*bag) for bag in bags]),
            segments=Segments.of([self.lengths[position] for position in positions], device),
            labels=torch.from_numpy(self.labels[list(positions)]).to(device),
            auxiliary={
                task.name: _joined([self._labels(task_position, *bag) for bag in bags])
                for task_position, task in enumerate(self._stored.tasks)
            },
            instances=_joined([torch.arange(*ends, device=device) for ends in starts]),
            bags=tuple(self.ids(positions)),
        )

    def _patches(self, bag: StoredBag, drawn: Parameters | None) -> Tensor:
        """One bag at a time: what is done to it must not depend on what it is packed with, to the last bit."""
        patches = bag.patches.to(self._stored.device, non_blocking=True)
        layout = self._stored.layout
        return cropped(patches, layout) if drawn is None else augment(patches, drawn, layout)

    def _labels(self, task: int, bag: StoredBag, drawn: Parameters | None) -> Tensor:
        asked = self._stored.tasks[task]
        labels = bag.auxiliary[asked.name].to(self._stored.device, non_blocking=True)
        return labels if drawn is None else mirrored(labels, drawn.flipped, asked)


def order(seed: int, epoch: int, count: int) -> list[int]:
    """Bags 0 to count - 1 in the order of an epoch, drawn from (seed, epoch) alone."""
    return np.random.default_rng(named_seed("order", seed, epoch)).permutation(count).tolist()


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts)) if len(parts) > 1 else parts[0]
