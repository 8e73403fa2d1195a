"""One gain per station, against a reference station.

A scanner sets the receiver gain for every station anew, so the same tissue differs in brightness between stations. In
the overlap of two stations each voxel was measured twice. The weighted median of the ratios estimates the ratio of
their gains and is robust against motion and wrap-around. Voxels are selected and weighted by the sum of both stations,
because separate thresholds would select them by their noise. Voxels below about five standard deviations of noise are
not used.

Dzyubachyk 2017 (48 myeloma patients) reports that mapping each station directly to a reference is better than passing a
map from neighbour to neighbour. Here all overlaps enter one least-squares fit of the logarithms of the gains, with the
reference fixed at 1 and each link weighted by its voxels. So a station that overlaps the reference is linked to it
directly, and others through the stations between. Comparing percentiles with those of the reference would be direct
too, but of different anatomy (a head and a pelvis), with an error of tens of per cent instead of one or two.

One scalar per station cannot accumulate the errors that chains of full intensity maps do.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from marrow.imaging.ingest.stations import Slab, shared_rows
from marrow.imaging.volume import FloatArray

Vector = npt.NDArray[np.float64]

AIR = 0.05  # the least share of air in an overlap; an ellipse fills at most four fifths of its box
ABOVE_AIR = 16.0  # this quantile of Rayleigh noise is 0.32 standard deviations; 0 where the scanner blanks the air
FEWEST_VOXELS = 50  # effective number in an overlap; with fewer, one moving vessel could decide


@dataclass(frozen=True)
class Link:
    """The result of comparing an overlap: station `lower` times `exp(log_ratio)` is as bright as station `upper`.

    `lower` is nearer to the feet; `voxels` is the effective number of voxels that the ratio is computed from.
    """

    lower: int
    upper: int
    log_ratio: float
    voxels: float


def station_gains(slabs: Sequence[Slab], reference: int) -> tuple[list[float], list[Link]]:
    """The factor of each station, 1 for the reference, and the links that it is computed from."""
    links = find_links(slabs)
    return solve_gains(links, len(slabs), reference), links


def find_links(slabs: Sequence[Slab]) -> list[Link]:
    """The links of all pairs of stations that share enough of the body."""
    links: list[Link] = []
    for lower, upper in combinations(range(len(slabs)), 2):
        log_ratios, weights = _weighted_ratios(*_measured_twice(slabs[lower], slabs[upper]))
        count = float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0
        if count >= FEWEST_VOXELS:
            links.append(Link(lower, upper, _weighted_median(log_ratios, weights), count))
    return links


def solve_gains(links: Sequence[Link], stations: int, reference: int) -> list[float]:
    """Least squares: `log gain[lower] - log gain[upper] = log_ratio` for every link, weighted by its voxels.

    A station without a link to the reference, direct or through others, keeps its intensities.
    """
    linked = _linked_to(reference, links)
    unknown = [index for index in range(stations) if index in linked and index != reference]
    used = [link for link in links if link.lower in linked]
    equations = np.zeros((len(used), stations))
    for row, link in enumerate(used):
        equations[row, link.lower], equations[row, link.upper] = 1.0, -1.0
    weights = np.sqrt([link.voxels for link in used])
    targets = np.array([link.log_ratio for link in used])
    gains = np.ones(stations)
    if unknown:
        solved = np.linalg.lstsq(equations[:, unknown] * weights[:, None], targets * weights, rcond=None)[0]
        gains[unknown] = np.exp(solved)
    return [float(gain) for gain in gains]


def unlinked(links: Sequence[Link], stations: int, reference: int) -> list[int]:
    """The stations that are not linked to the reference, so that their gain is unknown."""
    linked = _linked_to(reference, links)
    return [index for index in range(stations) if index not in linked]


def _linked_to(reference: int, links: Sequence[Link]) -> set[int]:
    linked = {reference}
    for _ in links:  # a chain is at most as long as there are links
        linked |= {end for link in links for end in (link.lower, link.upper) if {link.lower, link.upper} & linked}
    return linked


def _measured_twice(lower: Slab, upper: Slab) -> tuple[FloatArray, FloatArray]:
    """The rows that both stations measured; if they only touch, the two neighbouring rows."""
    first, after = shared_rows(lower, upper)
    if first < after:
        return lower.array[first - lower.start : after - lower.start], upper.array[
            first - upper.start : after - upper.start
        ]
    if first - after <= 1:
        return lower.array[-1:], upper.array[:1]
    return lower.array[:0], upper.array[:0]


def _weighted_ratios(lower: FloatArray, upper: FloatArray) -> tuple[Vector, Vector]:
    """For each voxel above the noise: the logarithm of the ratio, and the squared signal of both, equally scaled."""
    measured = ~(np.isnan(lower) | np.isnan(upper))
    a, b = lower[measured].astype(np.float64), upper[measured].astype(np.float64)
    if not (a.any() and b.any()):
        return np.empty(0), np.empty(0)
    signal = a * math.sqrt(float((b @ b) / (a @ a))) + b
    above_noise = (a > 0) & (b > 0) & (signal > ABOVE_AIR * np.quantile(signal, AIR))
    return np.log(b[above_noise] / a[above_noise]), signal[above_noise] ** 2


def _weighted_median(values: Vector, weights: Vector) -> float:
    order = np.argsort(values)
    shares = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(shares, shares[-1] / 2)])
