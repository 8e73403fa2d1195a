"""Histograms of a contrast inside the body, before and after standardisation.

Nyul's method sends two percentiles of a scan to the two ends of the standard scale (Nyul, Udupa and Zhang 2000). The
histogram before marks those percentiles, the one after marks the ends, so the same two lines are seen in both.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.floating]

# A drawing of 80 bins gains nothing from more voxels than this; a full scan has fifteen times as many.
ENOUGH_VOXELS = 1_000_000


@dataclass(frozen=True)
class Histogram:
    """The intensities of one contrast.

    Attributes:
        edges: the bins' edges, `(bins + 1,)`.
        shares: the share of the body's voxels in each bin, `(bins,)`.
        ends: the two intensities that are, or become, the ends of the standard scale.
        deciles: the nine deciles, `(9,)`.
    """

    edges: Values
    shares: Values
    ends: tuple[float, float]
    deciles: Values


def body_values(volume: Values, body: npt.NDArray[np.bool_]) -> Values:
    """The finite intensities inside the body, evenly thinned where there are more than a drawing needs."""
    values = volume[body]
    values = values[:: max(1, values.size // ENOUGH_VOXELS)]
    return values[np.isfinite(values)]


def percentile_ends(values: Values, percentiles: tuple[float, float]) -> tuple[float, float]:
    """The intensities at two percentiles."""
    low, high = np.percentile(values, percentiles)
    return float(low), float(high)


def histogram(values: Values, ends: tuple[float, float], bins: int, margin: float = 0.3) -> Histogram:
    """The histogram of `values` from a little under the first end to `margin` of the scale beyond the second.

    Voxels outside that span are not drawn: one hot voxel would otherwise squeeze the rest into a single bar.
    """
    low, high = ends
    width = high - low if high > low else 1.0
    edges = np.linspace(low - 0.1 * width, high + margin * width, bins + 1)
    counts, _ = np.histogram(values, bins=edges)
    return Histogram(
        edges=edges,
        shares=counts / max(values.size, 1),
        ends=ends,
        deciles=np.percentile(values, np.arange(10, 100, 10)),
    )
