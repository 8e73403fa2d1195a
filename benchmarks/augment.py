"""Augmentation of a bag of 755 patches against TorchIO and MONAI doing the same set, and against bare resampling.

Every step is switched on for every patch, on all sides, and what draws the parameters is timed too. The peers take the
patches one by one, as they are made to, and only a part of the bag, so that a run ends within a minute. MONAI gets its
best: rotation, shift, elastic deformation and crop in one of its transforms, hence one resampling.
"""

import math
import random
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from marrow.bags.bag import Layout
from marrow.learning.augment.bag import augment
from marrow.learning.augment.parameters import draw_parameters
from marrow.learning.augment.settings import Augmentation

INSTANCES = 755
LAYOUT = Layout((1, 24, 24, 24), "float16", margin=4)
EVERY_STEP = Augmentation(
    shift_probability=1, rotation_probability=1, elastic_probability=1, smoothing_probability=1, jitter_probability=1
)
THREADS = 2
REPEATS = 3
_INNER = 16


def measure_torchio() -> list[Measurement]:
    """Patches a second; TorchIO on 48 of them."""
    bag = _bag()
    transform = _torchio()
    return [_against("augment_torchio", bag, lambda: [transform(patch) for patch in bag[:48]], 48)]


def measure_monai() -> list[Measurement]:
    """Patches a second; MONAI on 192 of them. The ceiling: nothing but `grid_sample` of what a grid is made of."""
    bag = _bag()
    transform = _monai()
    return [
        _against("augment_monai", bag, lambda: [transform(patch) for patch in bag[:192]], 192),
        _against("augment_ceiling", bag, lambda: _bare(bag), INSTANCES),
    ]


def _bag() -> Tensor:
    torch.set_num_threads(THREADS)
    values = np.random.default_rng(0).uniform(0, 100, (INSTANCES, *LAYOUT.shape))
    return torch.from_numpy(values.astype(np.float16))


def _against(name: str, bag: Tensor, theirs: Callable[[], object], instances: int) -> Measurement:
    def ours() -> Tensor:
        return augment(bag, draw_parameters(EVERY_STEP, LAYOUT, INSTANCES, 0, 0, "bag"), LAYOUT)

    ours()
    theirs()  # what is slow only the first time is over now
    seconds, reference = side_by_side(ours, theirs, REPEATS)
    rate, other = INSTANCES / seconds, instances / reference
    return Measurement(name, rate, "patch/s", other, rate / other)


def _torchio() -> Callable[[Tensor], Tensor]:
    tio: Any = import_module("torchio")
    steps = EVERY_STEP
    transform = tio.Compose(
        [
            tio.RandomAffine(scales=0, degrees=steps.rotation_degrees, translation=steps.shift_voxels),
            tio.RandomElasticDeformation(steps.elastic_points, steps.elastic_voxels, locked_borders=0),
            tio.RandomFlip(axes=0, flip_probability=steps.flip_probability),
            tio.Crop(LAYOUT.margin),
            tio.RandomBlur(std=(0, steps.smoothing_sigma)),
            tio.Lambda(_jittered),
        ]
    )
    return lambda patch: transform(tio.ScalarImage(tensor=patch.float())).data


def _monai() -> Callable[[Tensor], Tensor]:
    transforms: Any = import_module("monai.transforms")
    steps, sigma = EVERY_STEP, (1e-3, EVERY_STEP.smoothing_sigma)
    return transforms.Compose(
        [
            transforms.EnsureType(dtype=torch.float32),
            transforms.Rand3DElastic(
                sigma_range=(3, 5),
                magnitude_range=(0, steps.elastic_voxels),
                prob=1,
                rotate_range=[math.radians(steps.rotation_degrees)] * 3,
                translate_range=[steps.shift_voxels] * 3,
                spatial_size=_INNER,
                padding_mode="border",
            ),
            transforms.RandFlip(prob=steps.flip_probability, spatial_axis=2),
            transforms.RandGaussianSmooth(sigma, sigma, sigma, prob=1),
            transforms.Lambda(_jittered),
        ]
    )


def _jittered(patch: Tensor) -> Tensor:
    gain, offset = random.gauss(1, EVERY_STEP.gain), random.gauss(0, EVERY_STEP.offset)
    return gain * patch + offset * patch.std()


def _bare(bag: Tensor) -> Tensor:
    """Affine and elastic with PyTorch's own functions for a whole bag, and no more."""
    theta = torch.eye(3, 4).repeat(len(bag), 1, 1) * (_INNER / LAYOUT.shape[-1])
    grid = torch.nn.functional.affine_grid(theta, [len(bag), 1, _INNER, _INNER, _INNER], align_corners=False)
    coarse = torch.empty(len(bag), 3, *[EVERY_STEP.elastic_points] * 3).uniform_(-0.05, 0.05)
    field = torch.nn.functional.interpolate(coarse, size=[_INNER] * 3, mode="trilinear", align_corners=True)
    return grid_sample(bag.float(), grid + field.movedim(1, -1), padding_mode="border", align_corners=False)


TORCHIO = Benchmark(
    "augment_torchio",
    f"A bag of {INSTANCES} patches of 24 voxels along each edge cropped to 16, on {THREADS} threads of the processor: "
    "flip, shift, rotation, elastic deformation, smoothing and jitter of every patch, against the same set in TorchIO "
    "patch by patch (timed on 48 of them). The ratio says how many times faster Marrow is.",
    {"augment_torchio": Goal("ratio", "least", 100, "at least 100 times TorchIO")},
    measure_torchio,
)

MONAI = Benchmark(
    "augment_monai",
    "The same bag and steps against MONAI patch by patch (timed on 192 of them), with rotation, shift, elastic "
    "deformation and crop in one of its transforms. Of the ceiling, which is PyTorch's affine grid, interpolated "
    "displacements and one resampling of the whole bag without any other step, the ratio is the share reached.",
    {
        "augment_monai": Goal("ratio", "least", 25, "at least 25 times MONAI"),
        "augment_ceiling": Goal("ratio", "least", 0.5, "at least half of bare resampling"),
    },
    measure_monai,
)
