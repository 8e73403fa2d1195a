"""Histograms of a contrast inside the body, before and after standardisation, and how they are drawn.

Nyul's method maps two percentiles of a scan to the two ends of the standard scale (Nyul, Udupa and Zhang 2000). The
histogram before marks those percentiles, the one after marks the ends: the lines are those of the same voxels.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from marrow.drawing.ink import BARS, ENDS, INK, QUIET

Values = npt.NDArray[np.floating]

# Enough voxels for a histogram of 80 bins; a full scan has fifteen times as many.
ENOUGH_VOXELS = 1_000_000


@dataclass(frozen=True)
class Histogram:
    """The histogram of one contrast.

    Attributes:
        edges: the bins' edges, `(bins + 1,)`.
        shares: the share of the body's voxels in each bin, `(bins,)`.
        ends: the two intensities that are, or are mapped to, the ends of the standard scale.
        deciles: the nine deciles, `(9,)`.
    """

    edges: Values
    shares: Values
    ends: tuple[float, float]
    deciles: Values


def body_values(volume: Values, body: npt.NDArray[np.bool_]) -> Values:
    """The finite intensities inside the body, evenly subsampled to at most `ENOUGH_VOXELS`."""
    values = volume[body]
    values = values[:: max(1, values.size // ENOUGH_VOXELS)]
    return values[np.isfinite(values)]


def percentile_ends(values: Values, percentiles: tuple[float, float]) -> tuple[float, float]:
    """The intensities at two percentiles."""
    low, high = np.percentile(values, percentiles)
    return float(low), float(high)


def histogram(values: Values, ends: tuple[float, float], bins: int, margin: float = 0.3) -> Histogram:
    """The histogram of `values` from a little below the first end to `margin` of the scale above the second.

    Voxels outside this range are not drawn: one very bright voxel would compress all others into a single bar.
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


def draw_histogram(axes: Axes, name: str, histogram: Histogram) -> None:
    """Draw a histogram: bars, the two ends of the scale as lines, the nine deciles as ticks under the bars.

    Heights are square roots of the shares, so that the few voxels of lesions are visible.
    """
    heights = np.sqrt(histogram.shares)
    top = (float(heights.max()) or 1.0) * 1.05
    axes.stairs(heights, histogram.edges, fill=True, color=BARS)
    axes.set(xlim=(histogram.edges[0], histogram.edges[-1]), ylim=(-0.09 * top, top), yticks=[])
    axes.vlines(histogram.deciles, -0.075 * top, -0.015 * top, colors=INK, linewidth=0.8)
    axes.vlines(histogram.ends, 0, top, colors=ENDS, linewidth=1.0)
    axes.set_xticks(histogram.ends, [f"{end:.4g}" for end in histogram.ends])
    axes.tick_params(labelsize=8, labelcolor=ENDS, length=0, pad=2)
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    axes.text(0.0, 1.02, name, transform=axes.transAxes, fontsize=8.5, color=QUIET, va="bottom")
