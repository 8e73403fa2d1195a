"""The two stores that a feed reads bags from: device memory and files.

Bags on the device have the dtype of their files, and are read and verified once, afterwards only sliced: the data set
of the ATMIL paper takes 2 GB, and 6 GB with the margins for augmentation. Bags that do not fit there are read from
their files at each use, and compared with their digest at the first reading only.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from marrow.bags.bag import Array, Layout, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.feed.grouping import grouped

BLOCK_BYTES = 2**28


@dataclass(frozen=True)
class StoredBag:
    """The arrays of one bag, in the dtype of its file.

    Patches are (instances, *layout.shape) with their margin, labels of each auxiliary task (instances,): numbers of
    classes as int64 or values as float32.
    """

    patches: Tensor
    auxiliary: Mapping[str, Tensor]


class BagStore(ABC):
    """Gives the bags of a manifest one at a time, by their position in `entries`, for training on a device.

    The tasks, whose labels are read, are a selection of those in the manifest's layout.
    """

    def __init__(
        self, manifest: Manifest, entries: Sequence[Entry], tasks: Sequence[Task], device: torch.device
    ) -> None:
        self.manifest = manifest
        self.entries = tuple(entries)
        self.tasks = tuple(tasks)
        self.device = device

    @property
    def layout(self) -> Layout:
        """The layout that all bags share."""
        return self.manifest.layout

    @abstractmethod
    def bag(self, position: int) -> StoredBag:
        """The bag at a position of `entries`, on the device or in pinned memory. Safe to call from any thread."""

    @abstractmethod
    def allocated_bytes(self, position: int) -> int:
        """Bytes of memory that a call of `bag` allocates."""

    def auxiliary_labels(self, columns: Mapping[str, Array]) -> dict[str, Tensor]:
        """The labels of `tasks` among the columns of a corpus, as tensors."""
        kinds = {task.name: np.int64 if task.classes else np.float32 for task in self.tasks}
        return {name: torch.from_numpy(columns[name].astype(kind)) for name, kind in kinds.items()}


class DeviceBags(BagStore):
    """All bags in one tensor on the device; `threads` files are read at the same time.

    Raises:
        MarrowError: a bag is missing or damaged, or differs from its row of the manifest.
        torch.OutOfMemoryError: the bags do not fit on the device.
    """

    def __init__(
        self,
        manifest: Manifest,
        entries: Sequence[Entry],
        tasks: Sequence[Task],
        device: torch.device,
        threads: int = 1,
    ) -> None:
        super().__init__(manifest, entries, tasks, device)
        self._starts = np.cumsum([0, *(entry.instances for entry in entries)], dtype=np.int64).tolist()
        shape = (self._starts[-1], *manifest.layout.shape)
        self._patches = torch.empty(shape, dtype=stored_dtype(manifest.layout), device=device)
        if device.type == "cpu":
            columns = read_corpus(manifest, entries, into=self._patches.numpy(), threads=threads, verify=True).columns
        else:
            columns = read_by_blocks(manifest, entries, self._patches, threads)
        self._auxiliary = {name: labels.to(device) for name, labels in self.auxiliary_labels(columns).items()}

    def bag(self, position: int) -> StoredBag:
        """The bag at a position, as views: nothing is copied."""
        rows = slice(self._starts[position], self._starts[position + 1])
        return StoredBag(self._patches[rows], {name: labels[rows] for name, labels in self._auxiliary.items()})

    def allocated_bytes(self, position: int) -> int:  # noqa: ARG002
        """None: `bag` gives views."""
        return 0


class FileBags(BagStore):
    """Bags in files; arguments as for `BagStore`. `bag` raises MarrowError for a missing or damaged one."""

    def __init__(
        self, manifest: Manifest, entries: Sequence[Entry], tasks: Sequence[Task], device: torch.device
    ) -> None:
        super().__init__(manifest, entries, tasks, device)
        self._verified: set[int] = set()

    def bag(self, position: int) -> StoredBag:
        """The bag at a position, in CPU memory, which is pinned where the device is a GPU."""
        entry, layout = self.entries[position], self.layout
        patches = torch.empty(
            (entry.instances, *layout.shape), dtype=stored_dtype(layout), pin_memory=self.device.type == "cuda"
        )
        corpus = read_corpus(self.manifest, [entry], into=patches.numpy(), verify=position not in self._verified)
        self._verified.add(position)
        return StoredBag(patches, self.auxiliary_labels(corpus.columns))

    def allocated_bytes(self, position: int) -> int:
        """The size of the bag's patches."""
        return self.entries[position].instances * self.layout.patch_bytes


class UnreadBags(BagStore):
    """Bags that nobody looks at, for a method of attributes alone: no file is opened, and instances have no numbers."""

    @property
    def layout(self) -> Layout:
        """Instances of no numbers."""
        return replace(self.manifest.layout, shape=(0,), margin=0, tasks=())

    def bag(self, position: int) -> StoredBag:
        """As many instances as there are."""
        return StoredBag(torch.empty(self.entries[position].instances, 0, device=self.device), {})

    def allocated_bytes(self, position: int) -> int:  # noqa: ARG002
        """None."""
        return 0


def read_by_blocks(
    manifest: Manifest, entries: Sequence[Entry], into: Tensor, threads: int, block_bytes: int = BLOCK_BYTES
) -> dict[str, Array]:
    """Read bags to a device through a buffer in CPU memory that holds one block of bags, or the largest bag.

    The patches of `entries`, in their order, fill `into`, (instances, *layout.shape) on any device; returns the other
    columns, name -> (instances,).
    """
    groups = grouped([entry.instances for entry in entries], block_bytes // manifest.layout.patch_bytes)
    blocks = [[entries[position] for position in group] for group in groups]
    largest = max((sum(entry.instances for entry in block) for block in blocks), default=0)
    # A copy from pinned memory to a GPU needs no copy into a staging buffer.
    buffer = torch.empty((largest, *into.shape[1:]), dtype=into.dtype, pin_memory=into.is_cuda)
    columns: dict[str, list[Array]] = defaultdict(list)
    start = 0
    for block in blocks:
        part = buffer[: sum(entry.instances for entry in block)]
        corpus = read_corpus(manifest, block, into=part.numpy(), threads=threads, verify=True)
        into[start : start + len(part)].copy_(part)
        start += len(part)
        for name, values in corpus.columns.items():
            columns[name].append(values)
    return {name: np.concatenate(values) for name, values in columns.items()}


def stored_dtype(layout: Layout) -> torch.dtype:
    """The PyTorch dtype of stored patches."""
    return torch.from_numpy(np.empty(0, layout.dtype)).dtype
