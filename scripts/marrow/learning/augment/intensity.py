"""Gaussian smoothing and jitter of intensities, in batches with a sigma, gain and offset for each instance."""

from math import prod

import torch
from torch import Tensor

from marrow.learning.augment.settings import LARGEST_SIGMA

_RADIUS = round(4 * LARGEST_SIGMA)  # in voxels; less than 1e-4 of the largest kernel lies beyond


def smooth(patches: Tensor, sigma: Tensor) -> Tensor:
    """Patches (instances, channels, z, y, x) or (.., y, x) smoothed with `sigma`: (instances,) in voxels, above 0.

    Computed as a product with a banded matrix per instance and axis. Outside the patch, border voxels are repeated.
    """
    smoothed, lengths = patches, patches.shape[2:]
    for axis, length in enumerate(lengths):
        after = prod(lengths[axis + 1 :])  # the stride in voxels
        matrix = smoothing_matrix(sigma, length)
        if after == 1:
            smoothed = smoothed.reshape(len(sigma), -1, length) @ matrix.mT
        else:
            smoothed = matrix[:, None] @ smoothed.reshape(len(sigma), -1, length, after)
    return smoothed.view(patches.shape)


def smoothing_matrix(sigma: Tensor, length: int) -> Tensor:
    """(instances, length, length): weight of each input voxel (column) in each output voxel (row) along an axis."""
    steps = torch.arange(-_RADIUS, _RADIUS + 1, device=sigma.device)
    weights = torch.exp(-0.5 * (steps / sigma[:, None]) ** 2)
    weights = weights / weights.sum(dim=1, keepdim=True)
    voxels = torch.arange(length, device=sigma.device)
    taken = (voxels + steps[:, None]).clamp(0, length - 1)  # (steps, length)
    selection = (taken[..., None] == voxels).to(weights.dtype)  # (steps, length, length)
    return (weights @ selection.flatten(1)).view(-1, length, length)


def jitter(patches: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Patches times `gain` plus `offset`, both (instances, channels), the latter in the patch's standard deviations."""
    values = patches.flatten(2)
    spread = torch.linalg.vector_norm(values - values.mean(dim=2, keepdim=True), dim=2) / values.shape[2] ** 0.5
    return torch.addcmul((offset * spread)[..., None], values, gain[..., None]).view(patches.shape)
