"""The scanner model: samples a body at a station's voxels, applies shading, adds Rician noise and quantises.

The coils' shading is smooth and falls off towards the ends of a station. Each station has its own gain, and the body
moves by a fraction of a millimetre between stations. Magnitude images of a complex signal have Rician noise
(Gudbjartsson and Patz 1995).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.phantom.anatomy import Anatomy
from marrow.phantom.canvas import VoxelGrid
from marrow.phantom.protocol import Protocol
from marrow.phantom.shapes import Field

LARGEST = 4095


@dataclass(frozen=True)
class Station:
    """The image of one station: 12-bit grey levels `(z, y, x)`."""

    grid: VoxelGrid
    values: npt.NDArray[np.int16]


def acquire(
    anatomy: Anatomy,
    channel: int,
    protocol: Protocol,
    grids: Sequence[VoxelGrid],
    draw: np.random.Generator,
    noise: np.random.Generator,
) -> list[Station]:
    """Acquire all stations of one contrast.

    Fat and water are from one acquisition, and so are both b-values. Gain, shading and position are therefore drawn
    from `draw`, which has the same state for all contrasts of an acquisition; `noise` is a stream of the contrast.
    """
    gain = protocol.gain * float(np.exp(draw.normal(0, 0.25)))
    stations: list[Station] = []
    for grid in grids:
        shading = _shading(draw.normal(0, protocol.bias, 6), draw.uniform(0.05, 0.2), grid)
        station_gain = gain * float(np.exp(draw.normal(0, protocol.seam)))
        jump = draw.normal(0, protocol.jump_mm, 3)
        signal = sample(anatomy.signals[channel], anatomy.grid, grid, jump) * shading
        noisy = _rician(signal, protocol.noise, noise) * np.float32(station_gain)
        stations.append(Station(grid, np.clip(np.rint(noisy), 0, LARGEST).astype(np.int16)))
    return stations


def sample(values: Field, source: VoxelGrid, target: VoxelGrid, jump: npt.NDArray[np.float64]) -> Field:
    """Values on another grid, averaged over the width of its voxels along each axis."""
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
    total = np.zeros((), np.float32)
    for offset in (np.arange(taps) + 0.5) / taps * width - width / 2:
        position = positions + offset
        low = np.clip(np.floor(position), 0, max(last - 1, 0)).astype(np.intp)
        share = np.clip(position - low, 0, 1)
        weight = ((position > -1) & (position < last + 1)) / taps
        lower = ((1 - share) * weight).astype(np.float32).reshape(shape)
        upper = (share * weight).astype(np.float32).reshape(shape)
        total = total + (values.take(low, axis) * lower + values.take(low + 1, axis) * upper)
    return total


def _shading(terms: npt.NDArray[np.float64], fall_off: float, grid: VoxelGrid) -> Field:
    """A smooth factor `(z, y, x)`: linear and squared terms of x, y, z from -1 to 1, and the fall-off along z."""
    u, v, w = (np.linspace(-1, 1, n, dtype=np.float32) for n in grid.size)
    a, b, c, d, e, f = terms.astype(np.float32)
    along = c * w + f * w * w - np.float32(fall_off) * w**4
    return np.exp(along)[:, None, None] * np.exp(b * v + e * v * v)[:, None] * np.exp(a * u + d * u * u)


def _rician(signal: Field, noise: float, draw: np.random.Generator) -> Field:
    real = signal + np.float32(noise) * draw.standard_normal(signal.shape, dtype=np.float32)
    imaginary = np.float32(noise) * draw.standard_normal(signal.shape, dtype=np.float32)
    return np.hypot(real, imaginary)
