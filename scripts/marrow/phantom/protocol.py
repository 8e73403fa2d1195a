"""Acquisition protocols: two sites, each with its own voxels, stations, gain and noise, at three sizes.

`full` has the voxels of a real protocol; `half` and `mini` scan the same body more coarsely, so that a patch of 32 mm
covers the same anatomy in all three.
"""

from dataclasses import dataclass

import numpy as np

from marrow.phantom.canvas import VoxelGrid
from marrow.phantom.posture import Posture

Spacing = tuple[float, float, float]

SIZES = ("full", "half", "mini")
FIELD_OF_VIEW_MM = (500.0, 360.0)
ABOVE_VERTEX_MM = 14.0
# Body space: the top of the scalp, and a hand's breadth below the joint space of the knee.
_VERTEX = (0.0, 10.0, 853.0)
_BELOW_KNEES = (0.0, 0.0, -462.0)

# Site and size: Dixon and diffusion voxels in mm.
_SPACING: dict[str, dict[str, tuple[Spacing, Spacing]]] = {
    "north": {
        "full": ((1.3, 1.3, 3.0), (1.95, 1.95, 5.0)),
        "half": ((2.6, 2.6, 3.0), (3.0, 3.0, 5.0)),
        "mini": ((4.0, 4.0, 4.0), (4.5, 4.5, 5.0)),
    },
    "south": {
        "full": ((1.6, 1.6, 3.5), (2.5, 2.5, 6.0)),
        "half": ((2.8, 2.8, 3.5), (3.4, 3.4, 6.0)),
        "mini": ((3.8, 3.8, 4.5), (5.0, 5.0, 6.0)),
    },
}
TRUTH_MM = {"full": 2.0, "half": 3.0, "mini": 4.0}


@dataclass(frozen=True)
class Protocol:
    """The protocol of a site for a contrast.

    Attributes:
        acquisition: `dixon` or `diffusion`; contrasts of one acquisition share gain, shading and position.
        spacing: voxel size in mm: x, y, z.
        stations: how many, from head to knees.
        overlap_mm: of neighbouring stations.
        gain: grey levels per unit of signal.
        noise: standard deviation in units of signal.
        bias: strength of the smooth shading, as the standard deviation of its logarithm.
        seam: spread of the stations' gains, as the standard deviation of their logarithm.
        jump_mm: standard deviation of the body's movement between the Dixon acquisition and each station of this one.
            The true label maps have the position of the Dixon acquisition.
    """

    acquisition: str
    spacing: Spacing
    stations: int
    overlap_mm: float
    gain: float
    noise: float
    bias: float
    seam: float
    jump_mm: float


def protocol(site: str, contrast: str, size: str, *, single_station: bool = False) -> Protocol:
    """The protocol of a site for a contrast at a size, with the site's stations or a single one."""
    diffusion = contrast.startswith("b")
    north = site == "north"
    return Protocol(
        acquisition="diffusion" if diffusion else "dixon",
        spacing=_SPACING[site][size][1 if diffusion else 0],
        stations=1 if single_station else 5 if north else 4,
        overlap_mm=36.0 if north else 48.0,
        gain=(420.0 if diffusion else 600.0) * (1.0 if north else 1.6),
        noise=0.018 if diffusion else 0.015,
        bias=0.10 if north else 0.14,
        seam=0.10 if diffusion else 0.05,
        jump_mm=0.8 if diffusion else 0.0,
    )


def coverage(posture: Posture) -> tuple[float, float]:
    """Scanner z of the lower and upper end of the region to acquire."""
    low, high = posture.to_scanner(np.asarray([_BELOW_KNEES, _VERTEX]))[:, 2]
    return float(low), float(high) + ABOVE_VERTEX_MM


def truth_grid(posture: Posture, size: str) -> VoxelGrid:
    """The isotropic grid over the whole field of view on which the anatomy is computed."""
    step = TRUTH_MM[size]
    low, high = coverage(posture)
    count = [round(extent / step) for extent in FIELD_OF_VIEW_MM]
    return VoxelGrid(
        origin=(-step * (count[0] - 1) / 2, -step * (count[1] - 1) / 2, low),
        spacing=(step, step, step),
        size=(count[0], count[1], int(np.ceil((high - low) / step))),
    )


def station_grids(acquired: Protocol, posture: Posture) -> list[VoxelGrid]:
    """The overlapping grids of all stations, from the head down, which together cover the body."""
    low, high = coverage(posture)
    dx, dy, dz = acquired.spacing
    overlap = int(np.ceil(acquired.overlap_mm / dz))
    slices = int(np.ceil((high - low) / dz))
    slices_per_station = int(np.ceil((slices + (acquired.stations - 1) * overlap) / acquired.stations))
    columns, rows = (int(extent / step) for extent, step in zip(FIELD_OF_VIEW_MM, (dx, dy), strict=True))
    return [
        VoxelGrid(
            origin=(-dx * (columns - 1) / 2, -dy * (rows - 1) / 2, low + dz * (slices_per_station - overlap) * number),
            spacing=acquired.spacing,
            size=(columns, rows, slices_per_station),
        )
        for number in reversed(range(acquired.stations))
    ]
