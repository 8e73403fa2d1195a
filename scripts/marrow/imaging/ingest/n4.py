"""N4 bias correction (Tustison et al. 2010) on arrays: estimates the smooth field of the coils' shading.

The histogram of the logarithm of the image is deconvolved by a Gaussian (Sled et al. 1998), which gives for each
intensity the one expected without a field. A B-spline is fitted to the difference and added to the field, until the
field changes little; then the lattice of control points is refined.

Steps, constants and stopping are those of ITK's filter, and a test compares the two. ITK evaluates the 64 spline
weights of each voxel in every iteration; here the splines are matrix products (`spline_field`), which takes a thirtieth
of the time. One difference: in ITK's single precision the brightest voxel sometimes falls out of the histogram, which
changes its field by about 0.001 in regions of little signal; here every voxel is counted.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from marrow.imaging.ingest.spline_field import Lattice, SplineFit, refined

BINS = 200
WIDTH = 0.15  # full width at half maximum of the Gaussian, in logarithms of intensity
NOISE = 0.01  # of the Wiener filter

Vector = npt.NDArray[np.float64]


def log_field_lattice(
    signal: npt.NDArray[np.floating],
    inside: npt.NDArray[np.bool_],
    points: Sequence[int],
    iterations: Sequence[int],
    convergence: float,
) -> Lattice:
    """Control points of the logarithm of the field, up to an additive constant.

    Args:
        signal: positive intensities, `(z, y, x)`.
        inside: the voxels to estimate from, `(z, y, x)`.
        points: control points at the first level, for z, y and x; each level halves their spacing.
        iterations: the most iterations of each level.
        convergence: a level ends when the field changes by less: the coefficient of variation of the ratio of the
            new field to the one before.
    """
    measured = np.log(signal[inside].astype(np.float64))
    lattice, field = np.zeros(tuple(points)), np.zeros_like(measured)
    if measured.size < 2:
        return lattice
    for level, limit in enumerate(iterations):
        lattice = refined(lattice) if level else lattice
        spline = SplineFit.of(inside, lattice.shape)
        totals = spline.totals()
        for _ in range(limit):
            residual = np.zeros(inside.shape)
            residual[inside] = (measured - field) - sharpened(measured - field)
            lattice = lattice + spline.fit(residual, totals)
            before, field = field, spline.field(lattice)[inside]
            change = np.exp(field - before)
            if np.std(change, ddof=1) <= convergence * np.mean(change):
                break
    return lattice


def sharpened(values: Vector) -> Vector:
    """The expected log intensity without a field, for each of `values` (log intensities): `(voxels,)`."""
    lowest, highest = float(values.min()), float(values.max())
    if highest <= lowest:
        return values
    step = (highest - lowest) / (BINS - 1)
    centres = lowest + step * np.arange(BINS, dtype=np.float64)
    return np.interp(values, centres, _expected(_histogram((values - lowest) / step), centres))


def _histogram(bins: Vector) -> Vector:
    """A histogram in which each value is shared linearly by two neighbouring bins: `(BINS,)`."""
    lower = np.minimum(bins.astype(np.intp), BINS - 2)
    share = bins - lower
    return np.asarray(np.bincount(lower, 1 - share, BINS) + np.bincount(lower + 1, share, BINS), np.float64)


def _expected(counts: Vector, centres: Vector) -> Vector:
    """The expected value of each bin before the convolution with the Gaussian: `(BINS,)`."""
    step = centres[1] - centres[0]
    size = 2 ** (int(np.ceil(np.log2(BINS))) + 1)  # with padding for the Gaussian at both ends
    offset = (size - BINS) // 2
    gaussian = np.fft.fft(_gaussian(size, WIDTH / step)).real
    wiener = gaussian / (gaussian**2 + NOISE)
    padded = np.pad(counts, (offset, size - BINS - offset))
    pure = np.maximum(_filtered(padded, wiener), 0)
    positions = centres[0] + step * (np.arange(size) - offset)
    mass, moment = _filtered(pure, gaussian), _filtered(pure * positions, gaussian)
    expected = np.divide(moment, mass, out=np.zeros(size), where=mass != 0)
    return expected[offset : offset + BINS]


def _gaussian(size: int, width: float) -> Vector:
    """A Gaussian about index 0, periodic, of area 1 and a full width at half maximum of `width`."""
    away = np.minimum(np.arange(size), size - np.arange(size))
    return 2 * np.sqrt(np.log(2) / np.pi) / width * np.exp(-4 * np.log(2) * (away / width) ** 2)


def _filtered(values: Vector, spectrum: Vector) -> Vector:
    return np.fft.ifft(np.fft.fft(values) * spectrum).real
