"""Size, stride, margin and least bone of patches: from settings in millimetres to voxels of a scan's grid.

Settings are in millimetres, so that they cover the same anatomy on every grid. They must be whole numbers of voxels:
other patches would have to be interpolated, and the volumes are resampled already.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from marrow.errors import MarrowError

# Deviations below this share of a voxel are rounding errors of image headers.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Size:
    """Patches in voxels.

    Attributes:
        edge: of a patch without its margin.
        stride: from a patch to the next one, along each axis.
        margin: on each side of a patch.
        least_bone: voxels of bone that a patch needs.
    """

    edge: int
    stride: int
    margin: int
    least_bone: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], spacing: Sequence[float]) -> "Size":
        """The size on a grid of cubic voxels.

        Args:
            settings: `patch_mm`, `stride_mm` and `margin_mm`; `bone_share`, the share that has to be bone, above 0.
            spacing: millimetres between voxels along each axis.

        Raises:
            MarrowError: the voxels are not cubes, or a size is not a whole number of them.
        """
        if max(spacing) - min(spacing) > _ROUNDING * min(spacing):
            raise MarrowError(f"the scan's voxels are {tuple(spacing)} mm; patches need cubes: resample the scan")
        edge = _voxels(settings, "patch_mm", spacing[0], least=1)
        # The share as it was written: 0.1 of 1000 voxels are 100, and in binary 0.1 is a little more than a tenth.
        share = Fraction(str(settings["bone_share"]))
        return cls(
            edge=edge,
            stride=_voxels(settings, "stride_mm", spacing[0], least=1),
            margin=_voxels(settings, "margin_mm", spacing[0], least=0),
            least_bone=math.ceil(share * edge**3),
        )


def _voxels(settings: Mapping[str, Any], name: str, spacing_mm: float, least: int) -> int:
    length = float(settings[name])
    count = round(length / spacing_mm)
    if count < least or abs(length / spacing_mm - count) > _ROUNDING:
        below = max(least, math.floor(length / spacing_mm))
        raise MarrowError(
            f"{name} is {length:g}, which is no whole number of the scan's voxels of {spacing_mm:g} mm; give a "
            f"multiple of them, such as {below * spacing_mm:g} or {(below + 1) * spacing_mm:g}"
        )
    return count
