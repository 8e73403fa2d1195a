"""A bag's patches as training sees them, augmented, and as evaluation sees them, with the margin cropped off.

One resampling, then smoothing, then jitter. The patches stay on their device. A GPU takes all instances at once; the
processor takes them in parts that fit its cache, which is several times faster than paging in memory for whole bags.
"""

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor

from marrow.bags.bag import Layout, Task
from marrow.learning.augment.intensity import jitter, smooth
from marrow.learning.augment.parameters import Parameters
from marrow.learning.augment.resample import resample
from marrow.learning.feed.augmenter import cropped

_VOXELS = 2**21  # of the patches that the processor takes at a time


@torch.no_grad()
def augment(patches: Tensor, parameters: Parameters, layout: Layout) -> Tensor:
    """Stored patches (instances, *layout.shape) augmented and without their margin, in float32.

    What an instance's parameters leave alone is copied exactly. Tables stay as they are.
    """
    if len(layout.shape) == 1:
        return cropped(patches, layout)
    parts = [_augmented(patches[rows], parameters[rows], layout) for rows in _parts(patches)]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def mirrored(labels: Tensor, flipped: Tensor, task: Task) -> Tensor:
    """Labels (instances,) of an auxiliary task after the flips: left bones become right ones."""
    if not task.mirror:
        return labels
    table = torch.tensor(task.mirror, dtype=labels.dtype, device=labels.device)
    return torch.where(flipped.to(labels.device), table[labels.long()], labels)


def _augmented(stored: Tensor, parameters: Parameters, layout: Layout) -> Tensor:
    patches = cropped(stored, layout)
    on_device = parameters.to(stored.device)
    if len(moved := _rows(parameters.moved, stored.device)):
        kept = stored.index_select(0, moved).to(torch.float32)
        patches.index_copy_(0, moved, resample(kept, on_device[moved], layout.inner_size))
    if len(chosen := _rows(parameters.sigma > 0, stored.device)):
        patches.index_copy_(0, chosen, smooth(patches.index_select(0, chosen), on_device.sigma[chosen]))
    return jitter(patches, on_device.gain, on_device.offset)


def _rows(chosen: Tensor, device: torch.device) -> Tensor:
    return chosen.nonzero().flatten().to(device)


def _parts(patches: Tensor) -> Iterator[slice]:
    whole = max(1, len(patches))
    step = max(1, _VOXELS // prod(patches.shape[1:])) if patches.device.type == "cpu" else whole
    return (slice(first, first + step) for first in range(0, whole, step))
