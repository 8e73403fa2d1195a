"""Converts the values of another program's label map to the ids of the bone table."""

import logging

import numpy as np
import numpy.typing as npt

from marrow.bones.precomputed.division import by_height, by_nearest, heights_of, top_and_bottom
from marrow.bones.precomputed.mapping import LARGEST_VALUE, LabelMapping, Part
from marrow.imaging.grid import Grid

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.generic]
Ids = npt.NDArray[np.uint8]


def unlisted(values: Values, mapping: LabelMapping) -> list[int]:
    """The values of a map that its table does not list, without 0, the background."""
    is_unlisted = np.zeros(LARGEST_VALUE + 1, dtype=np.bool_)
    for layer in values:
        is_unlisted[layer] = True
    is_unlisted[[0, *mapping.classes]] = False
    return np.flatnonzero(is_unlisted).tolist()


def bone_voxels(values: Values, mapping: LabelMapping) -> npt.NDArray[np.bool_]:
    """Which voxels of a map (z, y, x) are one of our bones."""
    return _renamed(values, dict.fromkeys(mapping.parts, 1)) != 0


def name_bones(values: Values, grid: Grid, mapping: LabelMapping, named: Ids, map_name: str = "") -> Ids:
    """Ids `(z, y, x)`, where voxels that have no bone yet (0 in `named`) are labelled by the bones of a map.

    `map_name` is the name of the map in the log.
    """
    result = np.where(named != 0, named, _renamed(values, mapping.whole))
    for parts, class_values in mapping.divided.items():
        mask = _renamed(values, dict.fromkeys(class_values, 1)) != 0
        if mask.any():
            label = "+".join(mapping.classes[value] for value in class_values)
            bones = _divided(mask, grid, parts, named, f"{map_name}: class {label}")
            free = named[mask] == 0
            result[mask] = np.where(free, bones, named[mask])
    return result


def _divided(mask: npt.NDArray[np.bool_], grid: Grid, parts: tuple[Part, ...], named: Ids, map_name: str) -> Ids:
    """The bone of each voxel (voxels,) of a class that covers several."""
    if np.isin([part.bone for part in parts], np.unique(named)).all():
        _log.info("%s is divided among its bones as the maps before it are", map_name)
        return by_nearest(mask, named, grid.spacing, parts)
    heights = heights_of(mask, grid)
    top, bottom = top_and_bottom(heights)
    _log.warning(
        "%s covers several bones; its height of %.0f mm is divided among them in fixed shares (%s), which is right "
        "only where all of them are in view. A map that tells them apart, given first, does better",
        map_name,
        top - bottom,
        ", ".join(f"{part.share:.0%}" for part in parts),
    )
    return by_height(heights, parts)


def _renamed(values: Values, names: dict[int, int]) -> Ids:
    """The map with its values replaced, 0 for values without a name; by layers, since NumPy makes indices int64."""
    lookup = np.zeros(LARGEST_VALUE + 1, dtype=np.uint8)
    lookup[list(names)] = list(names.values())
    result = np.empty(values.shape, dtype=np.uint8)
    for layer, renamed in zip(values, result, strict=True):
        renamed[:] = lookup[layer]
    return result
