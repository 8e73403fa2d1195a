"""N4 bias correction (Tustison et al. 2010) on arrays: the smooth field that gives one tissue many intensities.

The logarithm of the image is sharpened: its histogram is deconvolved by a Gaussian (Sled et al. 1998), which gives for
each intensity the one expected without a field. A B-spline fitted to the difference is added to the field, until it
changes little; then the lattice is refined.

Steps, constants and stopping are those of ITK's filter, and a test compares the two. Its spline filters visit each of
64 weights of each voxel by general iterators, in every iteration; here they are matrix products (`spline_field`),
which takes a thirtieth of the time. One thing differs: in ITK's single precision the brightest voxel sometimes falls
past the last bin and out of the histogram, which moves its field by some 0.001 where little signal holds it; here every
voxel counts.
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
    """Control points of the logarithm of the field, which has no set mean.

    Args:
        signal: positive intensities, `(z, y, x)`.
        inside: which voxels to estimate on, likewise.
        points: control points at the first level, for z, y and x; each level halves their spacing.
        iterations: at most so many, for each level.
        convergence: a level ends when the field changes by less: the coefficient of variation of the ratio of the
            new field to the one before.
    """
    measured = np.log(signal[inside].astype(np.float64))
    lattice, field = np.zeros(tuple(points)), np.zeros_like(measured)
    if measured.size < 2:
        return lattice
    for level, most in enumerate(iterations):
        lattice = refined(lattice) if level else lattice
        spline = SplineFit.of(inside, lattice.shape)
        totals = spline.totals()
        for _ in range(most):
            residual = np.zeros(inside.shape)
            residual[inside] = (measured - field) - sharpened(measured - field)
            lattice = lattice + spline.fit(residual, totals)
            before, field = field, spline.field(lattice)[inside]
            change = np.exp(field - before)
            if np.std(change, ddof=1) <= convergence * np.mean(change):
                break
    return lattice


def sharpened(values: Vector) -> Vector:
    """The intensity expected for each of `values`, logarithms both, had no field spread the histogram: `(voxels,)`."""
    lowest, highest = float(values.min()), float(values.max())
    if highest <= lowest:
        return values
    step = (highest - lowest) / (BINS - 1)
    centres = lowest + step * np.arange(BINS, dtype=np.float64)
    return np.interp(values, centres, _expected(_histogram((values - lowest) / step), centres))


def _histogram(bins: Vector) -> Vector:
    """Counts, each value shared by the two bins it lies between: `(BINS,)`."""
    lower = np.minimum(bins.astype(np.intp), BINS - 2)
    share = bins - lower
    return np.asarray(np.bincount(lower, 1 - share, BINS) + np.bincount(lower + 1, share, BINS), np.float64)


def _expected(counts: Vector, centres: Vector) -> Vector:
    """What each intensity was before the Gaussian spread it, on average: `(BINS,)`."""
    step = centres[1] - centres[0]
    size = 2 ** (int(np.ceil(np.log2(BINS))) + 1)  # room for the Gaussian beyond both ends
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
