"""The patches of a bag for training (augmented) and for evaluation (margin cropped off).

Augmentation is one resampling, then smoothing, then jitter, on the patches' device. A GPU computes all instances at
once; a CPU computes them in blocks that fit its cache, which is several times faster than whole bags.
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

_VOXELS = 2**21  # in a block of patches on the CPU


@torch.no_grad()
def augment(patches: Tensor, parameters: Parameters, layout: Layout) -> Tensor:
    """Stored patches (instances, *layout.shape) augmented and without their margin, in float32.

    Instances that are neither resampled nor changed in intensity are copied exactly. Tables are not augmented.
    """
    if len(layout.shape) == 1:
        return cropped(patches, layout)
    parts = [_augmented(patches[rows], parameters[rows], layout) for rows in _row_blocks(patches)]
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
    if len(resampled := _rows(parameters.moved, stored.device)):
        stored_patches = stored.index_select(0, resampled).to(torch.float32)
        patches.index_copy_(0, resampled, resample(stored_patches, on_device[resampled], layout.inner_size))
    if len(smoothed := _rows(parameters.sigma > 0, stored.device)):
        patches.index_copy_(0, smoothed, smooth(patches.index_select(0, smoothed), on_device.sigma[smoothed]))
    return jitter(patches, on_device.gain, on_device.offset)


def _rows(smoothed: Tensor, device: torch.device) -> Tensor:
    return smoothed.nonzero().flatten().to(device)


def _row_blocks(patches: Tensor) -> Iterator[slice]:
    whole = max(1, len(patches))
    step = max(1, _VOXELS // prod(patches.shape[1:])) if patches.device.type == "cpu" else whole
    return (slice(first, first + step) for first in range(0, whole, step))
