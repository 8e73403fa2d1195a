"""Instances as small pictures, whatever their shape, and the sheet that they lie on."""

from math import ceil

import numpy as np
import numpy.typing as npt
from torch import Tensor

from marrow.bags.bag import Layout

Pictures = npt.NDArray[np.float32]

WINDOW = (0.5, 99.5)  # per cent of the numbers between black and white, where units have no bounds
STRIP = 12  # a row of a table is drawn so many times wider than high
GAP_SHARE = 14  # of a cell's edge is the gap to the next
PAPER, GAP = 1.0, 0.45


def windowed(units: Tensor, like: Tensor, is_bounded: bool) -> Pictures:
    """Units (instances, *shape) between black (0) and white (1), as they are if they are bounded by these.

    Otherwise black and white are taken from the units `like`, so that two sheets can be compared.
    """
    values = units.numpy().astype(np.float32)
    if is_bounded:
        return values
    low, high = np.percentile(like.numpy(), WINDOW)
    return np.clip((values - low) / max(high - low, 1e-6), 0, 1)


def cells_of(values: Pictures, layout: Layout) -> Pictures:
    """Values (instances, *shape) from 0 to 1 as colour pictures (instances, rows, columns, 3).

    Of a volume the middle coronal slice is shown, head up; of several contrasts the first. A row of a table is a strip.
    """
    if values.ndim == 2:
        strips = values[:, np.newaxis, :].repeat(ceil(values.shape[1] / STRIP), axis=1)
        return _grey(strips)
    if values.ndim == 4 and values.shape[1] == 3 and not layout.spacing_mm:
        return np.moveaxis(values, 1, -1)
    one = values[:, 0]
    return _grey(one if one.ndim == 3 else one[:, ::-1, one.shape[2] // 2])


def sheet_of(cells: Pictures, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Pictures:
    """Cells (instances, height, width, 3) at their places (instances,) on white paper, with gaps between."""
    _, height, width, _ = cells.shape
    gap = max(1, round(max(height, width) / GAP_SHARE))
    tall, wide = height + gap, width + gap
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    sheet = np.full(((rows.max() + 1) * tall + gap, (columns.max() + 1) * wide + gap, 3), PAPER, np.float32)
    for row, column in places:
        top, left = row * tall, column * wide
        sheet[top : top + tall + gap, left : left + wide + gap] = GAP
    for cell, (row, column) in zip(cells, places, strict=True):
        top, left = row * tall + gap, column * wide + gap
        sheet[top : top + height, left : left + width] = cell
    return sheet


def _grey(pictures: Pictures) -> Pictures:
    return pictures[..., np.newaxis].repeat(3, axis=-1)
