"""A bag: instances that share one label, and what all bags of a data set have in common.

Nothing here knows where bags come from: patches of a scan, digits, pictures or rows of a table.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Affine = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Task:
    """An auxiliary task: what each instance is asked besides the label of its bag.

    Attributes:
        name: of the task, and of its column.
        classes: names of the classes, in the order of their numbers; none where the task is a regression.
        mirror: for every class, the class after a left-right flip; empty where a flip changes none.
    """

    name: str
    classes: tuple[str, ...] = ()
    mirror: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """What all bags of a data set share.

    Attributes:
        shape: of a stored patch, margins included: (channels, z, y, x), (channels, y, x) or (features,).
        dtype: of a patch: float16, float32 or uint8.
        margin: voxels on each side of each spatial axis that augmentation may use; cropped off without it.
        channels: their names.
        spacing_mm: between voxels, where there are millimetres.
        tasks: the auxiliary tasks.
        instance_label: what the column holds, in words, such as "share of lesion"; empty where there is none.
        instance_classes: names of the instances' classes, where the instance label is one.
        flips: whether an instance is still one when left and right are swapped (`Task.mirror` has the labels' part);
            a digit is not.
        classes: names of the bags' classes in the order of their numbers; of scans the sheet decides.
    """

    shape: tuple[int, ...]
    dtype: str
    margin: int = 0
    channels: tuple[str, ...] = ()
    spacing_mm: float | None = None
    tasks: tuple[Task, ...] = ()
    instance_label: str = ""
    instance_classes: tuple[str, ...] = ()
    flips: bool = True
    classes: tuple[str, ...] = ()

    @property
    def inner_size(self) -> tuple[int, ...]:
        """Voxels along each spatial axis, (z, y, x) or (y, x), without the margin; of a table none."""
        return tuple(length - 2 * self.margin for length in self.shape[1:])

    @property
    def stored(self) -> np.dtype[Any]:
        """How the numbers of a patch lie in a file: little endian."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def patch_bytes(self) -> int:
        """How large a patch is in a file."""
        return math.prod(self.shape) * self.stored.itemsize


@dataclass(frozen=True)
class Bag:
    """A bag.

    Attributes:
        bag: its id, unique in the data set and fit for a file name.
        patches: (instances, *layout.shape).
        patient: whose bag it is; empty where the bag is its own patient.
        split: of a generated bag; scans get theirs from the sheet.
        label: name of its class, likewise.
        affine: 4 x 4, from a voxel (i, j, k) of the scan's grid to NIfTI's world (RAS) in millimetres.
        corners: (instances, 3), the first voxel (i, j, k) of each patch without its margin.
        auxiliary: name of a task -> (instances,), class numbers or values.
        described: name -> (instances,), further numbers that describe instances.
        instance_label: (instances,), for evaluation alone.
        attributes: of the bag, without `attr_`; what is unknown is left out.
    """

    bag: str
    patches: Array
    patient: str = ""
    split: str = ""
    label: str = ""
    affine: Affine | None = None
    corners: npt.NDArray[np.int16] | None = None
    auxiliary: Mapping[str, Array] = field(default_factory=lambda: {})
    described: Mapping[str, Array] = field(default_factory=lambda: {})
    instance_label: Array | None = None
    attributes: Mapping[str, float | str] = field(default_factory=lambda: {})

    def __len__(self) -> int:
        """How many instances there are."""
        return len(self.patches)
