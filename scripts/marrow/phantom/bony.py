"""The skeleton on a grid: which voxels contain bone, of which bone, and how much of it is cortex and red marrow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.phantom.canvas import Canvas
from marrow.phantom.parts import BonePart
from marrow.phantom.shapes import Coordinates, Field

_FAR = np.float32(1e3)


@dataclass(frozen=True)
class BoneVoxels:
    """The voxels that contain bone, as parallel arrays of length `voxels`.

    Attributes:
        index: position in the raveled grid.
        at: body coordinates x, y, z.
        share: part of the voxel that is bone, 0 to 1.
        marrow: part of the voxel that is marrow: bone less its shell.
        red: share of red in that marrow, 0 to 1.
        labels: id in the bone table, 0 for bone that the table does not have.
    """

    index: npt.NDArray[np.intp]
    at: Coordinates
    share: Field
    marrow: Field
    red: Field
    labels: npt.NDArray[np.uint8]


def bone_voxels(canvas: Canvas, parts: Sequence[BonePart], ids: Mapping[str, int]) -> BoneVoxels:
    """The bone voxels of a skeleton; where two solids overlap, a voxel belongs to the one it is deeper in."""
    depth = np.full(canvas.grid.shape, _FAR)
    owner = np.zeros(canvas.grid.shape, np.uint16)
    margin = max(canvas.grid.spacing)
    for number, part in enumerate(parts):
        region = canvas.region(part.shape, margin)
        if region is None:
            continue
        distance = part.shape.distance(canvas.coordinates(region))
        nearer = distance < depth[region]
        np.copyto(depth[region], distance, where=nearer)
        np.copyto(owner[region], np.uint16(number), where=nearer)
    index = np.flatnonzero(canvas.coverage(depth) > 0)
    places = np.unravel_index(index, canvas.grid.shape)[::-1]
    x, y, z = (canvas.grid.axis(axis)[place] for axis, place in enumerate(places))
    deep, whose = depth.reshape(-1)[index], owner.reshape(-1)[index]
    cortex = np.array([part.cortex for part in parts], np.float32)[whose]
    red = np.array([part.red for part in parts], np.float32)[whose]
    labels = np.array([ids.get(part.bone, 0) for part in parts], np.uint8)[whose]
    return BoneVoxels(
        index=index,
        at=canvas.posture.points_to_body(x, y, z),
        share=canvas.coverage(deep),
        marrow=canvas.coverage(deep + cortex),
        red=red,
        labels=np.where(deep < 0, labels, np.uint8(0)),
    )
