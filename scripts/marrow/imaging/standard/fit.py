"""The fit of the standard scale by `NyulNormalizer` of intensity-normalization, from the landmarks of training scans.

`fit_population` takes images, finds the percentiles of each, stretches them so that the outer two fall on the ends of
the output range, and takes the mean over images. Here one job per scan has found the percentiles already. So each scan
is given as an image of n voxels, its n landmarks, whose percentiles 0, 100 / (n - 1), ..., 100 are these voxels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from intensity_normalization.adapters.images import create_image
from intensity_normalization.domain.protocols import ImageProtocol
from intensity_normalization.normalizers.population.nyul import NyulNormalizer
from nibabel.nifti1 import Nifti1Image

from marrow.errors import MarrowError
from marrow.imaging.standard.standard_scale import ScanLandmarks, StandardScale


def fit_scale(scans: Sequence[ScanLandmarks]) -> StandardScale:
    """The standard scale of some scans, at least one; their order changes nothing, not even the last bit.

    Raises:
        MarrowError: the scans' landmarks are of different percentiles or output ranges.
    """
    first = scans[0]
    if any((scan.percentiles, scan.output_range) != (first.percentiles, first.output_range) for scan in scans):
        raise MarrowError(
            "the landmarks of the training scans were found with different percentiles or output ranges; "
            "delete results/landmarks and run again"
        )
    low, high = first.output_range
    step = 100 / (len(first.percentiles) - 1)
    normalizer = NyulNormalizer(
        output_min_value=low,
        output_max_value=high,
        min_percentile=0,
        max_percentile=100,
        percentile_after_min=step,
        percentile_before_max=100 - 1.5 * step,  # the package adds a step; half of one below 100 no rounding matters
        percentile_step=step,
    )
    landmarks = [np.array(scan.landmarks) for scan in sorted(scans, key=lambda scan: scan.landmarks)]
    everywhere = [_image(np.ones(len(first.percentiles)))] * len(scans)  # without a mask, positive voxels alone count
    normalizer.fit_population([_image(values) for values in landmarks], everywhere)
    return StandardScale(np.array(normalizer.standard_scale), np.array(first.percentiles))


def _image(values: npt.NDArray[np.float64]) -> ImageProtocol:
    """Values (n,) as an image of n voxels, which keeps double precision, as the package's images of arrays do not."""
    return create_image(Nifti1Image(values.reshape(-1, 1, 1), np.eye(4)))
