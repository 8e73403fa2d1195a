"""A scanner: samples a body at a station's own voxels, shades it, adds Rician noise and quantises it.

Coils shade smoothly and fall off towards the ends of a station; each station has its own gain and sees the body moved
by a fraction of a millimetre. Magnitude images of a complex signal have Rician noise (Gudbjartsson and Patz 1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.phantom.anatomy import Anatomy
from marrow.phantom.canvas import Grid
from marrow.phantom.protocol import Protocol
from marrow.phantom.shapes import Field

LARGEST = 4095


@dataclass(frozen=True)
class Station:
    """One station as it leaves the scanner.

    Attributes:
        grid: its voxels.
        values: `(z, y, x)`, 12-bit grey levels.
    """

    grid: Grid
    values: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Shade:
    """Coefficients of a smooth field on -1 to 1: linear and squared terms of x, y, z, and the fall-off along z."""

    terms: tuple[float, ...]
    fall_off: float

    def field(self, grid: Grid) -> Field:
        """The factor at every voxel: `(z, y, x)`."""
        u, v, w = (np.linspace(-1, 1, n, dtype=np.float32) for n in grid.size)
        a, b, c, d, e, f = (np.float32(term) for term in self.terms)
        along = c * w + f * w * w - np.float32(self.fall_off) * w**4
        return np.exp(along)[:, None, None] * np.exp(b * v + e * v * v)[:, None] * np.exp(a * u + d * u * u)


def acquire(
    anatomy: Anatomy,
    channel: int,
    acquired: Protocol,
    grids: Sequence[Grid],
    draw: np.random.Generator,
    noise: np.random.Generator,
) -> list[Station]:
    """All stations of one contrast.

    Fat and water come from one acquisition and so do both b-values: gain, shading and position are drawn from `draw`,
    which starts alike for the contrasts of an acquisition; only `noise` is a contrast's own.
    """
    gain = acquired.gain * float(np.exp(draw.normal(0, 0.25)))
    stations: list[Station] = []
    for grid in grids:
        shade = Shade(tuple(draw.normal(0, acquired.bias, 6)), float(draw.uniform(0.05, 0.2)))
        station_gain = gain * float(np.exp(draw.normal(0, acquired.seam)))
        jump = draw.normal(0, acquired.jump_mm, 3)
        signal = sample(anatomy.signals[channel], anatomy.grid, grid, jump) * shade.field(grid)
        noisy = _rician(signal, acquired.noise, noise) * np.float32(station_gain)
        stations.append(Station(grid, np.clip(np.rint(noisy), 0, LARGEST).astype(np.int16)))
    return stations


def sample(values: Field, source: Grid, target: Grid, jump: npt.NDArray[np.float64]) -> Field:
    """Values on another grid, averaged over the width of its voxels, one axis after the other."""
    result = values
    for axis in (2, 1, 0):
        positions = (target.axis(axis) + jump[axis] - source.origin[axis]) / source.spacing[axis]
        result = _along(result, 2 - axis, positions, target.spacing[axis] / source.spacing[axis])
    return result


def _along(values: Field, axis: int, positions: npt.NDArray[np.float64], width: float) -> Field:
    """Linear interpolation along an axis, averaged over `width` voxels about each position; zero outside."""
    taps = max(int(np.ceil(width)), 1)
    last = values.shape[axis] - 1
    shape = [1, 1, 1]
    shape[axis] = len(positions)
    total: Field | None = None
    for offset in (np.arange(taps) + 0.5) / taps * width - width / 2:
        at = positions + offset
        low = np.clip(np.floor(at), 0, max(last - 1, 0)).astype(np.intp)
        share = np.clip(at - low, 0, 1)
        seen = ((at > -1) & (at < last + 1)) / taps
        lower = ((1 - share) * seen).astype(np.float32).reshape(shape)
        upper = (share * seen).astype(np.float32).reshape(shape)
        part = values.take(low, axis) * lower + values.take(low + 1, axis) * upper
        total = part if total is None else total + part
    if total is None:
        raise ValueError("no taps")
    return total


def _rician(signal: Field, noise: float, draw: np.random.Generator) -> Field:
    real = signal + np.float32(noise) * draw.standard_normal(signal.shape, dtype=np.float32)
    imaginary = np.float32(noise) * draw.standard_normal(signal.shape, dtype=np.float32)
    return np.hypot(real, imaginary)
