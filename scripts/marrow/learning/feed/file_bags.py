"""Bags read from their files at each use, for data sets that do not fit on the device.

A bag is compared with its digest at its first reading only.
"""

from collections.abc import Sequence

import torch

from marrow.bags.bag import Task
from marrow.bags.corpus import read_corpus
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.feed.bag_store import BagStore, StoredBag, stored_dtype


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
