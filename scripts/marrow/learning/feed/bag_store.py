"""Interface of the two stores that a feed reads bags from: device memory (`device_bags`) and files (`file_bags`)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from marrow.bags.bag import Array, Layout, Task
from marrow.bags.manifest import Entry, Manifest


@dataclass(frozen=True)
class StoredBag:
    """The arrays of one bag, in the dtype of its file.

    Attributes:
        patches: (instances, *layout.shape), margin included, of the layout's dtype.
        auxiliary: name of a task -> (instances,), numbers of classes as int64 or values as float32.
    """

    patches: Tensor
    auxiliary: Mapping[str, Tensor]


class BagStore(ABC):
    """Gives the bags of a manifest one at a time, by their position in `entries`.

    Args:
        manifest: of the data set.
        entries: the manifest's rows of these bags.
        tasks: the auxiliary tasks whose labels are read; a selection of the tasks in the manifest's layout.
        device: on which training uses the bags.
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


def stored_dtype(layout: Layout) -> torch.dtype:
    """The PyTorch dtype of stored patches."""
    return torch.from_numpy(np.empty(0, layout.dtype)).dtype
