"""Averages the images of one b-value: diffusion is measured along several directions, or several times.

    trace-weighted image S = (S_1 S_2 ... S_n)^(1/n) = S_0 exp(-b mean(D_i))

The geometric mean of the directions is that of the mean diffusivity, whatever the direction; the arithmetic mean is
higher where diffusion depends on the direction.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import SimpleITK as sitk

from marrow.imaging.volume import intensities, with_voxels

Average = Literal["geometric", "arithmetic"]


def average_of(images: Iterable[sitk.Image], average: Average) -> sitk.Image:
    """The mean of images on one grid, one in memory at a time; a geometric mean is 0 where one of them is not positive.

    A single image is returned as it is.
    """
    each = iter(images)
    first = next(each)
    total, count = None, 1
    for image in each:
        total = _term(first, average) if total is None else total
        total += _term(image, average)
        count += 1
    if total is None:
        return first
    mean = total / np.float32(count)
    return with_voxels(np.exp(mean) if average == "geometric" else mean, first)


def _term(image: sitk.Image, average: Average) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    array = intensities(image)
    if average == "arithmetic":
        return array.copy()
    return np.log(array, out=np.full_like(array, -np.inf), where=array > 0)
