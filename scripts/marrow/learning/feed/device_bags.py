"""Bags in device memory, in the dtype of their files: read and verified once, afterwards only sliced.

The data set of the ATMIL paper takes 2 GB, and 6 GB with the margins for augmentation.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from marrow.bags.bag import Array, Task
from marrow.bags.corpus import read_corpus
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.feed.bag_store import BagStore, StoredBag, stored_dtype
from marrow.learning.feed.grouping import grouped

BLOCK_BYTES = 2**28


class DeviceBags(BagStore):
    """All bags in one tensor on the device.

    Args:
        manifest, entries, tasks, device: as for `BagStore`.
        threads: how many files are read at the same time.

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


def read_by_blocks(
    manifest: Manifest, entries: Sequence[Entry], into: Tensor, threads: int, block_bytes: int = BLOCK_BYTES
) -> dict[str, Array]:
    """Read bags to a device through a buffer in CPU memory that holds one block of bags, or the largest bag.

    Args:
        manifest: of the data set.
        entries: the manifest's rows of the bags, in the order of `into`.
        into: (instances, *layout.shape), on any device; filled with the patches.
        threads: how many files are read at the same time.
        block_bytes: size of a block.

    Returns:
        The columns besides the patches: name -> (instances,).
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
