"""Where a feed has its bags from: what all such places have in common."""

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
    """A bag as it is stored.

    Attributes:
        patches: (instances, *layout.shape), margin included, of the layout's dtype.
        auxiliary: name of a task -> (instances,), numbers of classes as int64 or values as float32.
    """

    patches: Tensor
    auxiliary: Mapping[str, Tensor]


class StoredBags(ABC):
    """Bags of a manifest, one at a time.

    Args:
        manifest: whose bags they are.
        entries: which ones, and in which order they are numbered.
        tasks: the auxiliary tasks that are wanted, of those in the manifest's layout.
        device: where the bags are used.
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
        """Of all bags."""
        return self.manifest.layout

    @abstractmethod
    def bag(self, position: int) -> StoredBag:
        """A bag by its number; on the device, or on its way there. Any thread may ask."""

    @abstractmethod
    def taken_for(self, position: int) -> int:
        """Bytes of memory that `bag` takes anew."""

    def auxiliary_of(self, columns: Mapping[str, Array]) -> dict[str, Tensor]:
        """The labels of the wanted tasks, of all a corpus' columns."""
        kinds = {task.name: np.int64 if task.classes else np.float32 for task in self.tasks}
        return {name: torch.from_numpy(columns[name].astype(kind)) for name, kind in kinds.items()}


def stored_dtype(layout: Layout) -> torch.dtype:
    """PyTorch's name of the dtype that patches are stored in."""
    return torch.from_numpy(np.empty(0, layout.dtype)).dtype
