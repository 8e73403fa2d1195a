"""Flip, rotation, shift and elastic deformation in one resampling, after free-form deformation on a coarse lattice.

A voxel p of the patch, counted from its centre, is read at R F p + s + u(p): F swaps left and right, R is a rotation, s
a shift, and u a displacement, linear between control points and so nowhere larger than at these. Linear interpolation
keeps what is affine: the affine part is worked out at the control points alone, and one interpolation of the sum gives
the positions of all voxels.
"""

from functools import reduce

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from marrow.learning.augment.parameters import Parameters


def resample(patches: Tensor, parameters: Parameters, size: tuple[int, ...]) -> Tensor:
    """Resample patches (instances, channels, z, y, x) or (instances, channels, y, x), margin included, to `size`.

    Interpolation is linear; outside the margin, border voxels are repeated.
    """
    grid = positions(parameters, size, tuple(patches.shape[2:]))
    return grid_sample(patches, grid, mode="bilinear", padding_mode="border", align_corners=False)


def positions(parameters: Parameters, size: tuple[int, ...], stored: tuple[int, ...]) -> Tensor:
    """Where each voxel of a patch is read: (instances, *size, axes), (x, y, z) from -1 to 1 between stored edges."""
    axes = len(size)
    points = round(parameters.displacement.shape[1] ** (1 / axes))
    lattice = _lattice(size, points).to(parameters.shift.device)
    across = torch.where(parameters.flipped, -1.0, 1.0)
    affine = torch.cat([parameters.rotation[..., :1] * across[:, None, None], parameters.rotation[..., 1:]], dim=2)
    control = lattice @ affine.mT + parameters.shift[:, None] + parameters.displacement
    return _upsample(control * control.new_tensor([2 / length for length in reversed(stored)]), points, size)


def _lattice(size: tuple[int, ...], points: int) -> Tensor:
    """Control points over a patch, from the first to the last voxel of each axis: (points ** axes, axes), x fastest."""
    ends = [(length - 1) / 2 for length in size]
    along = torch.meshgrid([torch.linspace(-end, end, points) for end in ends], indexing="ij")
    return torch.stack([coordinate.flatten() for coordinate in reversed(along)], dim=1)


def _upsample(control: Tensor, points: int, size: tuple[int, ...]) -> Tensor:
    """(instances, points ** axes, axes) -> (instances, *size, axes), linear between control points.

    All axes but the first are interpolated by one product with a small dense matrix, all vector components at once.
    """
    axes = len(size)
    first, *others = (_interpolation(length, points).to(control.device) for length in size)
    planes = reduce(torch.kron, [*others, torch.eye(axes, device=control.device)])
    slabs = control.reshape(-1, planes.shape[1]) @ planes.T
    return (first @ slabs.view(len(control), points, -1)).view(len(control), *size, axes)


def _interpolation(length: int, points: int) -> Tensor:
    """Weights (length, points) of linear interpolation from control points over an axis to its voxels."""
    place = torch.linspace(0, points - 1, length)
    return (1 - (place[:, None] - torch.arange(points)).abs()).clamp(min=0)
