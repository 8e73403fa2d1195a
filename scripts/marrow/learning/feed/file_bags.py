"""Bags that are read from their files whenever they are asked for, for corpora that do not fit on the device.

A bag is compared with its digest the first time it is read.
"""

from collections.abc import Sequence

import torch

from marrow.bags.bag import Task
from marrow.bags.corpus import read_corpus
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.feed.bag_store import StoredBag, StoredBags, stored_dtype


class Streamed(StoredBags):
    """Bags in their files; see `StoredBags`. Asking for one that is missing or damaged raises MarrowError."""

    def __init__(
        self, manifest: Manifest, entries: Sequence[Entry], tasks: Sequence[Task], device: torch.device
    ) -> None:
        super().__init__(manifest, entries, tasks, device)
        self._sound: set[int] = set()

    def bag(self, position: int) -> StoredBag:
        """A bag by its number, in the processor's memory, for a GPU in pages that stay where they are."""
        entry, layout = self.entries[position], self.layout
        patches = torch.empty(
            (entry.instances, *layout.shape), dtype=stored_dtype(layout), pin_memory=self.device.type == "cuda"
        )
        corpus = read_corpus(self.manifest, [entry], into=patches.numpy(), verify=position not in self._sound)
        self._sound.add(position)
        return StoredBag(patches, self.auxiliary_of(corpus.columns))

    def taken_for(self, position: int) -> int:
        """The patches."""
        return self.entries[position].instances * self.layout.patch_bytes
