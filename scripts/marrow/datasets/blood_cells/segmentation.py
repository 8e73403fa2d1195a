"""Which pixels of a picture are lymphocytes, as Sahasrabudhe et al. (2020, section 3.2) print it.

1. The picture is smoothed.
2. SLIC divides it into superpixels (Achanta et al., IEEE PAMI 2012), at several scales; each pixel becomes the mean
   colour of its superpixel, averaged over the scales.
3. k-means with three clusters of pixels in hue, saturation and value: lymphocytes with their cytoplasm, other cells,
   background.

What is not printed, and how it is here: smoothing is by a Gaussian; the scales are 50, 100, 200 and 400 superpixels.
Hue is an angle, so it is a point on a circle of diameter 1, which is the range of saturation and value. The clusters
start at the usual colours of stained blood and are what they started as, so that nothing is drawn. Parts of less than
1% of the picture are no cells.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.cluster.vq import kmeans2
from skimage.color import rgb2hsv
from skimage.filters import gaussian
from skimage.segmentation import slic

SUPERPIXELS = (50, 100, 200, 400)
SMOOTHING = 1 / 56
"""Standard deviation of the Gaussian, as a share of the picture's edge."""
LEAST_AREA = 0.01
COLOURS = ((260, 0.5, 0.5), (10, 0.4, 0.85), (0, 0.06, 0.92))
"""Hue in degrees, saturation and value that clusters start at: lymphocytes, red cells, background."""
_EVERY_NEIGHBOUR = np.ones((3, 3), dtype=int)

Floats = NDArray[np.floating[Any]]


def lymphocytes(picture: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The lymphocytes of a picture (3, y, x): (y, x), 1 on the largest, 2 on the next, 0 elsewhere."""
    colours = averaged_superpixels(picture)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that a cluster is empty: there may be no red cell in a picture
        _, clusters = kmeans2(_as_points(rgb2hsv(colours)), _as_points(np.array(COLOURS) / (360, 1, 1)), minit="matrix")
    labelled: Any = ndimage.label(clusters.reshape(colours.shape[:2]) == 0, _EVERY_NEIGHBOUR)
    parts, count = labelled
    areas = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    order = [part for part in np.argsort(-areas, kind="stable") if areas[part] >= LEAST_AREA * parts.size]
    numbers = np.zeros(count + 1, np.int32)
    numbers[np.array(order, dtype=int) + 1] = np.arange(1, len(order) + 1)
    return numbers[parts]


def averaged_superpixels(picture: NDArray[np.uint8]) -> Floats:
    """A picture (3, y, x), smoothed, in mean colours of its superpixels, averaged over scales: (y, x, 3), 0 to 1."""
    smooth = gaussian(np.moveaxis(picture, 0, -1) / 255, SMOOTHING * picture.shape[-1], channel_axis=-1)
    return np.mean([_in_mean_colours(smooth, slic(smooth, count, start_label=0)) for count in SUPERPIXELS], axis=0)


def _in_mean_colours(colours: Floats, superpixels: NDArray[np.intp]) -> Floats:
    sizes = np.bincount(superpixels.ravel())
    sums = [np.bincount(superpixels.ravel(), channel.ravel()) for channel in np.moveaxis(colours, -1, 0)]
    return (np.stack(sums, axis=-1) / sizes[:, None])[superpixels]


def _as_points(hsv: Floats) -> Floats:
    """Hue, saturation and value (..., 3), each from 0 to 1, as points (n, 4), hue on a circle."""
    hue, saturation, value = hsv.reshape(-1, 3).T
    angle = 2 * np.pi * hue
    return np.stack([np.cos(angle) / 2, np.sin(angle) / 2, saturation, value], axis=1)
