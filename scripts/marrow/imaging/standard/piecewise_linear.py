"""The map that takes an image's landmarks to the standard scale: straight lines between landmarks.

Between the outer landmarks it is the map of `NyulNormalizer.transform` (intensity-normalization 3.0.1), and beyond them
the outer lines go on, as there: lesions on high b-values lie above the last landmark, and a map that saturates would
rub them out. It departs from the package in one place. Where the first or the last landmarks coincide, the package
divides by zero; here only the innermost of them counts. Coincident landmarks further inside leave a step, as in the
package: the first one's value at the landmark, the last one's right above it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# Voxels at a time: ten lines' worth of double precision stays in the second-level cache.
CHUNK = 16384


@dataclass(frozen=True)
class PiecewiseLinear:
    """A continuous line (but for steps) through knots, as a sum of one clipped ramp per segment.

    For the segment from knot `starts[i]` with slope `slopes[i]`, the ramp is `slopes[i] * (clip(x) - starts[i])`,
    clipped to the segment; the first and the last one are open on their outer side. All ramps below x have reached
    their height, all above are 0: no search, no branch, no difference of large numbers.

    Attributes:
        offset: the value at the first knot.
        starts, lower, upper, slopes: (segments, 1).
    """

    offset: float
    starts: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    slopes: npt.NDArray[np.float64]

    @classmethod
    def through(cls, knots: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> "PiecewiseLinear":
        """The line through `knots` (knots,), ascending and not all equal, with `values` (knots,)."""
        x, y = _with_steps(*_distinct_ends(knots, values))
        column = (slice(None), np.newaxis)
        return cls(
            offset=float(y[0]),
            starts=x[:-1][column],
            lower=np.concatenate([[-np.inf], x[1:-1]])[column],
            upper=np.concatenate([x[1:-1], [np.inf]])[column],
            slopes=(np.diff(y) / np.diff(x))[column],
        )

    def __call__(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The values at `x` (points,), computed in double precision; NaN where `x` is NaN."""
        values = np.empty(x.shape, dtype=np.float32)
        ramps = np.empty((len(self.slopes), min(CHUNK, x.size)))
        slopes = self.slopes[:, 0]
        for first in range(0, x.size, CHUNK):
            part = x[first : first + CHUNK].astype(np.float64)
            ramp = ramps[:, : part.size]
            np.clip(part, self.lower, self.upper, out=ramp)
            np.subtract(ramp, self.starts, out=ramp)
            values[first : first + CHUNK] = slopes @ ramp + self.offset
        return values


def _distinct_ends(
    knots: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Knots without those that coincide with a later first one or an earlier last one."""
    first = int(np.searchsorted(knots, knots[0], side="right")) - 1
    last = int(np.searchsorted(knots, knots[-1], side="left"))
    return knots[first : last + 1], values[first : last + 1]


def _with_steps(
    knots: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coincident knots as two knots that are the least possible distance apart, so that a step is a steep line."""
    distinct, first = np.unique(knots, return_index=True)
    last = np.append(first[1:], len(knots)) - 1
    stepped = last > first
    # the smallest normal number, not the next one, above 0: a slope there must stay finite
    above = np.maximum(np.nextafter(distinct, np.inf), np.where(distinct == 0, 1e-300, -np.inf))
    x = np.concatenate([distinct, above[stepped]])
    y = np.concatenate([values[first], values[last][stepped]])
    order = np.argsort(x, kind="stable")
    return x[order], y[order]
