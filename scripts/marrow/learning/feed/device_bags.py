"""Bags that lie on the device, in the dtype that they are stored in: read and checked once, then only sliced.

At the paper's scale that is 2 GB, and 6 GB with the margins that augmentation wants.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from marrow.bags.bag import Array, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.feed.bag_store import StoredBag, StoredBags, stored_dtype
from marrow.learning.feed.grouping import grouped

BLOCK_BYTES = 2**28


class Resident(StoredBags):
    """Bags on the device; see `StoredBags`.

    Args:
        manifest, entries, tasks, device: as there.
        threads: how many read at a time.

    Raises:
        MarrowError: a bag is missing, damaged or not what the manifest says.
        torch.OutOfMemoryError: they do not fit.
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
            room = self._patches.numpy()
            columns = read_corpus(manifest, entries, into=room, threads=threads, verify=True).columns
        else:
            columns = read_by_blocks(manifest, entries, self._patches, threads)
        self._auxiliary = {name: labels.to(device) for name, labels in self.auxiliary_of(columns).items()}

    def bag(self, position: int) -> StoredBag:
        """A bag by its number: a part of what lies there, nothing is copied."""
        rows = slice(self._starts[position], self._starts[position + 1])
        return StoredBag(self._patches[rows], {name: labels[rows] for name, labels in self._auxiliary.items()})

    def taken_for(self, position: int) -> int:  # noqa: ARG002
        """Nothing."""
        return 0


def read_by_blocks(
    manifest: Manifest, entries: Sequence[Entry], into: Tensor, threads: int, block_bytes: int = BLOCK_BYTES
) -> dict[str, Array]:
    """Read bags by way of the processor's memory, of which no more is taken than for a block of bags or the largest.

    Args:
        manifest: whose bags they are.
        entries: which ones, in the order wanted.
        into: (instances, *layout.shape), on any device, for the patches.
        threads: how many read at a time.
        block_bytes: of patches.

    Returns:
        The further columns, (instances,) each.
    """
    groups = grouped([entry.instances for entry in entries], block_bytes // manifest.layout.patch_bytes)
    blocks = [[entries[position] for position in group] for group in groups]
    largest = max((sum(entry.instances for entry in block) for block in blocks), default=0)
    # Pages that stay where they are go to a GPU in one piece.
    room = torch.empty((largest, *into.shape[1:]), dtype=into.dtype, pin_memory=into.is_cuda)
    columns: dict[str, list[Array]] = defaultdict(list)
    start = 0
    for block in blocks:
        part = room[: sum(entry.instances for entry in block)]
        corpus = read_corpus(manifest, block, into=part.numpy(), threads=threads, verify=True)
        into[start : start + len(part)].copy_(part)
        start += len(part)
        for name, values in corpus.columns.items():
            columns[name].append(values)
    return {name: np.concatenate(values) for name, values in columns.items()}
