"""A digit at four times its resolution and back.

Strokes of MNIST are two or three pixels wide: too few to erode, cut or swell. So a digit is enlarged, cut at half its
contrast, perturbed as a mask and reduced again, as Morpho-MNIST does. Both ways are products with small matrices, which
is why they take no time: cubic splines along each axis, and a Gaussian of a third of the factor, which rounds the
enlarged stairs on the way up and keeps fine detail from aliasing on the way down.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FACTOR = 4
WHITE = 255
_SIGMA = FACTOR / 3  # fine pixels

Mask = NDArray[np.bool_]
Image = NDArray[np.uint8]
_Matrix = NDArray[np.float64]


def enlarge(image: NDArray[Any]) -> Mask:
    """The stroke of a digit (y, x) as a mask (4 y, 4 x): where it is brighter than half-way from dark to bright."""
    height, width = image.shape
    fine = _magnify(height) @ image @ _magnify(width).T
    np.clip(fine, image.min(), image.max(), out=fine)  # splines overshoot beside edges
    fine = _smooth(FACTOR * height) @ fine @ _smooth(FACTOR * width).T
    dark, bright = fine.min(), fine.max()
    return fine > dark + 0.5 * (bright - dark)


def reduce(mask: Mask) -> Image:
    """A mask (4 y, 4 x) as a digit (y, x) of 0 to 255."""
    height, width = (length // FACTOR for length in mask.shape)
    shares = _shrink(height) @ mask @ _shrink(width).T
    return np.rint(WHITE * shares.clip(0, 1)).astype(np.uint8)


@cache
def _magnify(length: int) -> _Matrix:
    """(4 length, length)."""
    return _resized(np.eye(length), FACTOR)


@cache
def _smooth(length: int) -> _Matrix:
    return ndimage.gaussian_filter1d(np.eye(length), _SIGMA, axis=0, mode="reflect")


@cache
def _shrink(length: int) -> _Matrix:
    """(length, 4 length)."""
    return _resized(_smooth(FACTOR * length), 1 / FACTOR)


def _resized(matrix: _Matrix, factor: float) -> _Matrix:
    """A matrix whose columns are sampled `factor` times as finely, by cubic splines."""
    return np.asarray(ndimage.zoom(matrix, (factor, 1), order=3, mode="mirror", grid_mode=True))
