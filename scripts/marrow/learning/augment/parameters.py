"""The random parameters of augmentation for each instance of a bag, drawn before use, so that they can be replayed.

They are drawn on the CPU and depend on (seed, epoch, bag) alone: not on the device, the order of bags, the number of
threads or a resumed training. Each augmentation step has a random stream of its own with one row per instance:
switching a step off does not change the others, and an instance does not depend on those after it.
"""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from marrow.bags.bag import Layout
from marrow.device.random_state import named_seed
from marrow.learning.augment.settings import Augmentation

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """One row per instance, on the CPU. Vectors are in voxels and in the order (x, y, z) or (x, y).

    Attributes:
        flipped: (instances,), whether left and right are swapped.
        shift: (instances, axes).
        rotation: (instances, axes, axes), matrices.
        displacement: (instances, points ** axes, axes), at the control points, x fastest.
        sigma: (instances,), of the smoothing; 0 for none.
        gain: (instances, channels).
        offset: (instances, channels), in standard deviations of the channel in the patch.
    """

    flipped: Tensor
    shift: Tensor
    rotation: Tensor
    displacement: Tensor
    sigma: Tensor
    gain: Tensor
    offset: Tensor

    def __len__(self) -> int:
        """How many instances there are."""
        return len(self.flipped)

    def __getitem__(self, rows: slice | Tensor) -> Self:
        """The parameters of some instances."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))

    def to(self, device: torch.device) -> Self:
        """The parameters on a device."""
        return type(self)(*(getattr(self, field.name).to(device) for field in fields(self)))

    @property
    def moved(self) -> Tensor:
        """(instances,), whether an instance has to be resampled, because more than its intensities changes."""
        turned = (self.rotation != torch.eye(self.shift.shape[1])).flatten(1).any(1)
        return self.flipped | turned | self.shift.any(1) | self.displacement.flatten(1).any(1)


def draw_parameters(
    augmentation: Augmentation, layout: Layout, instances: int, seed: int, epoch: int, bag: str
) -> Parameters:
    """The parameters of a bag's instances in an epoch; for rows of a table those that change nothing."""
    steps, channels, axes = augmentation, layout.shape[0], len(layout.shape) - 1
    if not axes:
        return unchanged(layout, instances)
    root = named_seed(seed, epoch, bag)
    choice, shift, rotation, elastic, smoothing, jitter = (np.random.default_rng([stream, root]) for stream in range(6))
    flipped, shifted, rotated, bent, smoothed, jittered = (choice.random((instances, 6)) < steps.probabilities).T
    points = (instances, steps.elastic_points**axes, axes)
    sigma = steps.smoothing_sigma * (1 - smoothing.random(instances))
    gain, offset = np.moveaxis(jitter.standard_normal((instances, channels, 2)) * jittered[:, None, None], 2, 0)
    return Parameters(
        flipped=torch.from_numpy(flipped & layout.flips),
        shift=_tensor(steps.shift_voxels * shift.uniform(-1, 1, (instances, axes)) * shifted[:, None]),
        rotation=_tensor(_rotations(rotation.random((instances, 3)), steps.rotation_degrees * rotated, axes)),
        displacement=_tensor(steps.elastic_voxels * elastic.uniform(-1, 1, points) * bent[:, None, None]),
        sigma=_tensor(sigma * smoothed),
        gain=_tensor(1 + steps.gain * gain),
        offset=_tensor(steps.offset * offset),
    )


def unchanged(layout: Layout, instances: int) -> Parameters:
    """Parameters that change nothing."""
    channels, axes = layout.shape[0], len(layout.shape) - 1
    return Parameters(
        flipped=torch.zeros(instances, dtype=torch.bool),
        shift=torch.zeros(instances, axes),
        rotation=torch.eye(axes).repeat(instances, 1, 1),
        displacement=torch.zeros(instances, 2**axes, axes),
        sigma=torch.zeros(instances),
        gain=torch.ones(instances, channels),
        offset=torch.zeros(instances, channels),
    )


def _rotations(chance: _Floats, degrees: _Floats, axes: int) -> _Floats:
    """Rotations (instances, axes, axes) by up to +-`degrees`; `chance`: (instances, 3), uniform in [0, 1).

    In 3D the axis of rotation is uniform over all directions (its z is uniform: Archimedes), and the matrix
    is Rodrigues' formula.
    """
    angle = np.radians(degrees) * (2 * chance[:, 0] - 1)
    cos, sin = np.cos(angle), np.sin(angle)
    if axes == 2:
        return np.stack([cos, -sin, sin, cos], axis=-1).reshape(-1, 2, 2)
    z, longitude = 2 * chance[:, 1] - 1, 2 * np.pi * chance[:, 2]
    ring, none = np.sqrt(1 - z**2), np.zeros_like(z)
    x, y = ring * np.cos(longitude), ring * np.sin(longitude)
    across = np.stack([none, -z, y, z, none, -x, -y, x, none], axis=-1).reshape(-1, 3, 3)
    return np.eye(3) + sin[:, None, None] * across + (1 - cos)[:, None, None] * across @ across


def _tensor(values: _Floats) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
