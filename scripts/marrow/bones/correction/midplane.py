"""Estimates the midsagittal sheet of a body from the symmetry of its water image.

A plane cannot follow a spine with scoliosis, a slanted body or a rotated head. The sheet is, at every height z,

    x = a(z) + b(z) y        [mm; x to the patient's left, y to the back, z to the head],

a line in each axial slice, with a and b smooth in z. In a frame rotated by theta about the body's centre
(b = -tan theta) the line is u = c. The symmetry of a slab of the body about it is the correlation of the image with its
mirror image,

    S(z, theta, c) = sum g(u, v) g(2c - u, v) / sum g^2,

which for all c together is an autoconvolution along u: one Fourier transform per angle. S is 1 for perfect symmetry. g
is the water signal in the body, clipped so that bright organs do not outweigh the outline, plus a constant, so that the
outline contributes. g is not negative and not centred, so that the middle of one leg scores half of the middle of both.

The sheet is the path through the slabs with the largest sum of S minus a price on changes between slabs, computed by
dynamic programming, then refined between grid points by a parabola and smoothed along z.

Symmetry planes as maxima of the correlation with the mirror image follow Ardekani et al., "Automatic detection of the
mid-sagittal plane in 3-D brain images" (IEEE TMI 1997); the sheet that bends with height is ours.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

Floats = npt.NDArray[np.floating]

# The percentile of the body's water signal that is scaled to 1, and the value above which it is clipped.
_BRIGHT_PERCENTILE = 80
_BRIGHTEST = 1.5
# The constant that is added in the body, relative to the signal.
_OUTLINE = 0.5
# Degrees between the angles of the grid; a parabola refines them.
_TURN_STEP = 3.5
# Slices with less than this share of the body's largest cross-section get no weight.
_LEAST_SECTION = 0.08


@dataclass(frozen=True)
class Sheet:
    """A line x = across + slope * y in each axial slice, interpolated between heights and constant beyond them.

    Attributes:
        heights: z in mm, ascending, (heights,).
        across: x in mm where y is 0, (heights,).
        slope: change of x with y, (heights,).
    """

    heights: Floats
    across: Floats
    slope: Floats

    @classmethod
    def rotated(cls, heights: Floats, turn: Floats, across: Floats, centre: tuple[float, float]) -> "Sheet":
        """The sheet at the distances `across` in mm from a centre (x, y), rotated by `turn` in radians."""
        slope = -np.tan(turn)
        return cls(heights, centre[0] + across / np.cos(turn) - slope * centre[1], slope)

    def distance(self, points: Floats) -> Floats:
        """Signed distance in mm of points (points, 3), x first, within their slices: positive on the patient's left."""
        x, y, z = np.asarray(points, np.float64).T
        across = np.interp(z, self.heights, self.across)
        slope = np.interp(z, self.heights, self.slope)
        return (x - across - slope * y) / np.hypot(1, slope)


@dataclass(frozen=True)
class Coarse:
    """The image whose symmetry is computed, `(z, y, x)` along the patient's axes, with coordinates in mm."""

    signal: Floats
    x: Floats
    y: Floats
    z: Floats
    step: float


def estimate_sheet(water: sitk.Image, body: sitk.Image, settings: dict[str, Any]) -> Sheet:
    """The midsagittal sheet of a body, from water and body mask on one grid.

    `settings` has `working_mm`, `most_turn_degrees`, `slab_mm` and `stiffness`.
    """
    coarse = _coarse(water, body, float(settings["working_mm"]))
    centre = _centre(coarse)
    largest = float(settings["most_turn_degrees"])
    angles = np.deg2rad(np.linspace(-largest, largest, 2 * max(1, round(largest / _TURN_STEP)) + 1))
    score, weight = _symmetry(coarse, centre, angles, float(settings["slab_mm"]))
    every = max(1, round(float(settings["slab_mm"]) / 2 / coarse.step))
    heights = np.arange(min(every // 2, len(coarse.z) - 1), len(coarse.z), every)
    path = _best_path(score[heights], weight[heights], float(settings["stiffness"]) * every)
    turn, across = _refined(score[heights], path)
    turn = _smoothed(np.interp(turn, np.arange(len(angles)), angles), weight[heights])
    # Index k of the autoconvolution mirrors about index k / 2 of the frame, which is centred on the body.
    across = _smoothed((across - (score.shape[2] - 1) / 2) / 2 * coarse.step, weight[heights])
    return Sheet.rotated(coarse.z[heights], turn, across, centre)


def _coarse(water: sitk.Image, body: sitk.Image, step: float) -> Coarse:
    """Water and body, resampled to a grid along the patient's axes."""
    shrink = [max(1, int(step / spacing)) for spacing in water.GetSpacing()]
    masked = sitk.Mask(water, body)
    averaged = sitk.BinShrink(masked, shrink)
    share = sitk.BinShrink(sitk.Cast(body != 0, sitk.sitkFloat32), shrink)
    ends = [[0, size - 1] for size in water.GetSize()]
    corners = np.array(
        [water.TransformIndexToPhysicalPoint((i, j, k)) for i in ends[0] for j in ends[1] for k in ends[2]]
    )
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = [int(count) for count in np.maximum(np.floor((high - low) / step) + 1, 1)]

    def placed(image: sitk.Image) -> npt.NDArray[np.float32]:
        result = sitk.Resample(
            image, size, sitk.Transform(), sitk.sitkLinear, low.tolist(), [step] * 3, np.eye(3).ravel().tolist(), 0.0
        )
        return sitk.GetArrayFromImage(result)

    inside = placed(share) > 0.5
    signal = placed(averaged)
    bright = float(np.percentile(signal[inside], _BRIGHT_PERCENTILE)) if inside.any() else 1.0
    compressed = np.minimum(signal / max(bright, 1e-6), _BRIGHTEST)
    x, y, z = (low[axis] + step * np.arange(size[axis]) for axis in range(3))
    return Coarse(np.where(inside, _OUTLINE + compressed, 0).astype(np.float32), x, y, z, step)


def _centre(coarse: Coarse) -> tuple[float, float]:
    """The middle of the body, (x, y) in mm."""
    section = (coarse.signal > 0).sum(axis=0)
    total = max(int(section.sum()), 1)
    return float((section.sum(axis=0) * coarse.x).sum() / total), float((section.sum(axis=1) * coarse.y).sum() / total)


def _frame(coarse: Coarse, centre: tuple[float, float]) -> Floats:
    """Coordinates in mm along each side of a frame around the centre that contains the body at every rotation."""
    rows, columns = np.nonzero((coarse.signal > 0).any(axis=0))
    reach = np.hypot(coarse.x[columns] - centre[0], coarse.y[rows] - centre[1])
    half = int(np.ceil(reach.max(initial=0.0) / coarse.step)) + 1
    return coarse.step * np.arange(-half, half + 1)


def _symmetry(
    coarse: Coarse, centre: tuple[float, float], angles: Floats, slab_mm: float
) -> tuple[npt.NDArray[np.float32], Floats]:
    """The symmetry S of slabs (heights, angles, mirror positions), and the weight of each height, 0 to 1."""
    along = _frame(coarse, centre)
    size = len(along)
    sigma = slab_mm / 2 / coarse.step / 2
    # The sheet is within half the frame; other mirror positions are not needed.
    kept = slice(size // 2, 2 * size - 1 - size // 2)
    score = np.empty((len(coarse.z), len(angles), kept.stop - kept.start), np.float32)
    for number, angle in enumerate(angles):
        image = rotated(coarse, centre, float(angle), along)
        spectrum = np.fft.rfft(image, 2 * size, axis=2)
        mirrored = np.fft.irfft((spectrum**2).sum(axis=1), 2 * size, axis=1)[:, kept]
        energy = (image**2).sum(axis=(1, 2))
        top, bottom = (ndimage.gaussian_filter1d(part, sigma, axis=0, mode="constant") for part in (mirrored, energy))
        score[:, number] = top / np.maximum(bottom, 1e-6)[:, None]
    section = (coarse.signal > 0).sum(axis=(1, 2))
    weight = section / max(int(section.max()), 1)
    return score, np.where(weight < _LEAST_SECTION, 0.0, np.sqrt(weight))


def rotated(coarse: Coarse, centre: tuple[float, float], angle: float, along: Floats) -> npt.NDArray[np.float32]:
    """The image in the frame (z, v, u) rotated by an angle about the centre, interpolated linearly, 0 outside.

    The rotation is the same in all slices, so that whole columns along z are interpolated together.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    u, v = along, along[:, None]
    y = (centre[1] + cos * v + sin * u - coarse.y[0]) / coarse.step
    x = (centre[0] + cos * u - sin * v - coarse.x[0]) / coarse.step
    _, rows, row = coarse.signal.shape
    inside = (y >= 0) & (y <= rows - 1) & (x >= 0) & (x <= row - 1)
    columns = np.pad(coarse.signal, [(0, 0), (0, 1), (0, 1)]).reshape(len(coarse.z), -1).T.copy()
    first = np.floor(y[inside]).astype(np.intp) * (row + 1) + np.floor(x[inside]).astype(np.intp)
    down, right = ((index[inside] % 1).astype(np.float32)[:, None] for index in (y, x))
    image = np.zeros((*inside.shape, len(coarse.z)), np.float32)
    image[inside] = (1 - down) * ((1 - right) * columns[first] + right * columns[first + 1])
    first += row + 1
    image[inside] += down * ((1 - right) * columns[first] + right * columns[first + 1])
    return np.ascontiguousarray(np.moveaxis(image, -1, 0))


def _best_path(score: npt.NDArray[np.float32], weight: Floats, stiffness: float) -> npt.NDArray[np.intp]:
    """The indices of angle and mirror position at each height (heights, 2), by dynamic programming.

    The path maximises the weighted symmetry minus a price on changes between heights: the square of the change in angle
    over `stiffness` grid points, and of that in position over twice as many.
    """
    count, turns, positions = score.shape
    turn_price = _price(turns, stiffness)
    position_price = _price(positions, 2 * stiffness)
    total = weight[0] * score[0]
    predecessors: list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]] = []
    for height in range(1, count):
        over_turn = total[None, :, :] - turn_price[:, :, None]
        from_turn = over_turn.argmax(axis=1)
        best = over_turn.max(axis=1)
        over_place = best[:, None, :] - position_price[None, :, :]
        from_place = over_place.argmax(axis=2)
        total = over_place.max(axis=2) + weight[height] * score[height]
        predecessors.append((from_turn, from_place))
    turn, place = np.unravel_index(int(total.argmax()), total.shape)
    path = [(int(turn), int(place))]
    for from_turn, from_place in reversed(predecessors):
        place = from_place[turn, place]
        turn = from_turn[turn, place]
        path.append((int(turn), int(place)))
    return np.array(path[::-1], np.intp)


def _price(count: int, stiffness: float) -> Floats:
    change = np.subtract.outer(np.arange(count), np.arange(count)) / stiffness
    return (change**2).astype(np.float32)


def _refined(score: npt.NDArray[np.float32], path: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """The path refined between grid points by the peak of a parabola through three scores, in angle and position."""
    rows = np.arange(len(path))
    turn, place = path.T

    def at(turn: npt.NDArray[np.intp], place: npt.NDArray[np.intp]) -> Floats:
        return score[rows, turn.clip(0, score.shape[1] - 1), place.clip(0, score.shape[2] - 1)]

    here = at(turn, place)
    return (
        turn + _parabola_peak(at(turn - 1, place), here, at(turn + 1, place)),
        place + _parabola_peak(at(turn, place - 1), here, at(turn, place + 1)),
    )


def _parabola_peak(before: Floats, here: Floats, after: Floats) -> Floats:
    """The peak of a parabola through three equally spaced values, relative to the middle one, within one step."""
    bend = 2 * here - before - after
    return np.where(bend > 1e-9, np.clip((after - before) / np.where(bend > 1e-9, 2 * bend, 1), -1, 1), 0)


def _smoothed(values: Floats, weight: Floats) -> Floats:
    """Values smoothed along z, with weights."""
    weight = weight + 1e-6
    return ndimage.gaussian_filter1d(values * weight, 1.0, mode="nearest") / ndimage.gaussian_filter1d(
        weight, 1.0, mode="nearest"
    )
