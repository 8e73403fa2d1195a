"""A voxel grid, and a canvas that shapes are painted on with partial volume at their surfaces.

A voxel at a surface gets a mixture in proportion to the part inside. So a cortex of 1 mm darkens a voxel of 4 mm as in
a real scan, and shapes have the same size on every grid.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.phantom.parts import Layer
from marrow.phantom.posture import Posture
from marrow.phantom.shapes import Coordinates, Field, Shape
from marrow.phantom.tissue import Palette

Region = tuple[slice, slice, slice]


@dataclass(frozen=True)
class VoxelGrid:
    """A grid along the scanner's axes, in mm: origin, spacing and size as x, y, z."""

    origin: tuple[float, float, float]
    spacing: tuple[float, float, float]
    size: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Array shape, `(z, y, x)`."""
        return self.size[2], self.size[1], self.size[0]

    def axis(self, index: int) -> npt.NDArray[np.float64]:
        """Positions along x (0), y (1) or z (2)."""
        return self.origin[index] + self.spacing[index] * np.arange(self.size[index], dtype=np.float64)

    def image(self, array: npt.NDArray[np.generic]) -> sitk.Image:
        """An image of `array` `(z, y, x)` on this grid."""
        image = sitk.GetImageFromArray(array)
        image.SetOrigin(self.origin)
        image.SetSpacing(self.spacing)
        return image


class Canvas:
    """The signals `(contrasts, z, y, x)` of a body in a posture, on a grid."""

    def __init__(self, grid: VoxelGrid, posture: Posture, palette: Palette) -> None:
        self.grid = grid
        self.posture = posture
        self.palette = palette
        self.signals = np.zeros((len(palette.contrasts), *grid.shape), np.float32)

    def region(self, shape: Shape, margin_mm: float) -> Region | None:
        """The part of the grid that a shape may reach; None if it is outside the grid."""
        low, high = self.posture.box_in_scanner(shape.box())
        origin, step = np.array(self.grid.origin), np.array(self.grid.spacing)
        first = np.maximum(np.floor((low - margin_mm - origin) / step), 0).astype(int)
        last = np.minimum(np.ceil((high + margin_mm - origin) / step) + 1, self.grid.size).astype(int)
        if (first >= last).any():
            return None
        x, y, z = (slice(*ends) for ends in zip(first.tolist(), last.tolist(), strict=True))
        return z, y, x

    def coordinates(self, region: Region) -> Coordinates:
        """Body coordinates of the voxels of a region."""
        x, y, z = (self.grid.axis(axis)[region[2 - axis]] for axis in range(3))
        return self.posture.to_body(x, y, z)

    def coverage(self, distance: Field) -> Field:
        """The share of each voxel inside a surface, from the signed distance of its centre."""
        width = np.float32(float(np.prod(self.grid.spacing)) ** (1 / 3))
        return np.clip(np.float32(0.5) - distance / width, 0, 1)

    def paint(self, layer: Layer) -> None:
        """Paint a layer over what was painted before."""
        region = self.region(layer.shape, max(self.grid.spacing))
        if region is None:
            return
        share = self.coverage(layer.shape.distance(self.coordinates(region))) * np.float32(layer.share)
        self.blend(region, share, layer.tissue)

    def blend(self, region: Region, share: Field, tissue: str) -> None:
        """Replace a share of each voxel's content by a tissue; `share` is `(z, y, x)` of the region."""
        for channel, signal in zip(self.signals, self.palette[tissue], strict=True):
            part = channel[region]
            part += share * (signal - part)
