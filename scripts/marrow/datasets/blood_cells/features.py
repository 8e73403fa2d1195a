"""94 handcrafted features of the largest lymphocyte of a picture (Sahasrabudhe et al. 2020, section 3.2).

12 of its shape, 3 of its intensity and 24 of its texture in each of the channels red, green and blue, and how many
lymphocytes there are. docs/blood.md names what the paper leaves open. All are of the segmented pixels alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.feature import graycomatrix
from skimage.measure import regionprops

from marrow.datasets.blood_cells.cooccurrence import COOCCURRENCE, cooccurrence_features
from marrow.datasets.blood_cells.segmentation import lymphocytes

SHAPE = {
    "area": "area",
    "major axis length": "axis_major_length",
    "minor axis length": "axis_minor_length",
    "eccentricity": "eccentricity",
    "convex area": "area_convex",
    "filled area": "area_filled",
    "Euler number": "euler_number",
    "equivalent diameter": "equivalent_diameter_area",
    "solidity": "solidity",
    "extent": "extent",
    "perimeter": "perimeter",
    "perimeter by Crofton's formula": "perimeter_crofton",
}
"""Name -> how scikit-image calls it."""
CHANNELS = ("red", "green", "blue")
INTENSITY = ("minimum", "maximum", "mean")
TEXTURE = ("fractal dimension", *COOCCURRENCE)
FEATURES = (
    *SHAPE,
    *(f"{name} of {channel}" for channel in CHANNELS for name in INTENSITY),
    *(f"{name} of {channel}" for channel in CHANNELS for name in TEXTURE),
    "number of lymphocytes",
)

LEVELS = 32
"""Grey levels of co-occurrence, over all that a byte can hold."""
DISTANCES = (1, 2, 4)
"""In pixels, that the fractal dimension is fitted over."""
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))

Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def features_of(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Features of pictures (n, 3, y, x): (n, features); zeros where there is no lymphocyte."""
    return np.stack([_of_picture(picture) for picture in pictures]).astype(np.float32)


def _of_picture(picture: NDArray[np.uint8]) -> Floats:
    cells = lymphocytes(picture)
    if not cells.any():
        return np.zeros(len(FEATURES))
    rows, columns = (slice(places.min(), places.max() + 1) for places in np.nonzero(cells == 1))
    cell, channels = cells[rows, columns] == 1, picture[:, rows, columns]
    return np.concatenate(
        [
            shape_features(cell),
            *(intensity_features(channel, cell) for channel in channels),
            *(texture_features(channel, cell) for channel in channels),
            [cells.max()],
        ]
    )


def shape_features(cell: Mask) -> Floats:
    """What SHAPE names of the pixels of a cell (y, x), in pixels."""
    (region,) = regionprops(np.pad(cell, 1).astype(np.uint8))
    return np.array([float(region[name]) for name in SHAPE.values()])


def intensity_features(channel: NDArray[np.uint8], cell: Mask) -> Floats:
    """What INTENSITY names of the bytes of a channel (y, x) within a cell (y, x)."""
    values = channel[cell]
    return np.array([values.min(), values.max(), values.mean()])


def texture_features(channel: NDArray[np.uint8], cell: Mask) -> Floats:
    """What TEXTURE names of a channel (y, x) within a cell (y, x)."""
    return np.array([fractal_dimension(channel, cell), *cooccurrence_features(cooccurrence(channel, cell))])


def cooccurrence(channel: NDArray[np.uint8], cell: Mask) -> Floats:
    """How often grey levels are neighbours within a cell, along four directions: (levels, levels), of sum 1."""
    outside = LEVELS
    levels = np.where(cell, channel // (256 // LEVELS), outside).astype(np.uint8)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    pairs = graycomatrix(levels, [1], angles, levels=LEVELS + 1, symmetric=True).sum(axis=(2, 3))
    within = pairs[:outside, :outside].astype(float)
    return within / max(within.sum(), 1)


def fractal_dimension(channel: NDArray[np.uint8], cell: Mask) -> float:
    """The mean over four directions of 3 - H, where grey values r pixels apart differ by c r^H on average.

    That is the law of fractional Brownian motion (Pentland, IEEE PAMI 1984): 2 for a slope, 3 for noise. A direction
    without differences counts as 2.
    """
    values = channel.astype(float)
    dimensions: list[float] = []
    for direction in _DIRECTIONS:
        differences = [
            _mean_difference(values, cell, *(step * distance for step in direction)) for distance in DISTANCES
        ]
        dimensions.append(3 - _exponent([pair for pair in zip(DISTANCES, differences, strict=True) if pair[1] > 0]))
    return float(np.mean(dimensions))


def _exponent(known: Sequence[tuple[int, float]]) -> float:
    """H of the law that pairs of distance and difference follow; 1 where there are not enough of them."""
    if len(known) < 2:
        return 1.0
    distances, differences = np.log(known).T
    return float(np.polyfit(distances, differences, 1)[0])


def _mean_difference(values: Floats, cell: Mask, down: int, right: int) -> float:
    """The mean absolute difference of pixels of the cell that are this far apart; 0 where there are none."""
    height, width = values.shape
    here = (slice(0, max(0, height - down)), slice(max(0, -right), max(0, width - max(0, right))))
    there = (slice(down, None), slice(max(0, right), max(0, width + min(0, right))))
    both = cell[here] & cell[there]
    return float(np.abs(values[here] - values[there])[both].mean()) if both.any() else 0.0
