"""A bag: instances that share one label, and the layout that all bags of a data set have in common.

Instances are patches of a scan, digits, pictures or rows of a table; the code is the same for all of them.
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
    """An auxiliary task: a property of each instance that is predicted besides the label of its bag.

    Attributes:
        name: of the task, and of its column.
        classes: names of the classes, in the order of their numbers; empty for a regression.
        mirror: for every class, the class after a left-right flip; empty where a flip changes none.
    """

    name: str
    classes: tuple[str, ...] = ()
    mirror: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Shape, type and meaning of the arrays of a data set's bags, the same for all of them.

    Attributes:
        shape: of a stored patch, margins included: (channels, z, y, x), (channels, y, x) or (features,).
        dtype: of a patch: float16, float32 or uint8.
        margin: voxels on each side of each spatial axis, for augmentation; they are cropped off before the encoder.
        channels: their names.
        spacing_mm: distance between voxels; None if instances have no physical size.
        tasks: the auxiliary tasks.
        instance_label: meaning of the column `instance_label` in words, such as "share of lesion"; empty without one.
        instance_classes: names of the instances' classes, if the instance label is a class.
        flips: whether instances may be flipped left to right (`Task.mirror` then changes labels); not so for digits.
        classes: names of the bags' classes in the order of their numbers; empty for scans, whose labels are in the
            sample sheet.
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
        """The dtype of patches in a file: little endian."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def patch_bytes(self) -> int:
        """Size of a patch in a file."""
        return math.prod(self.shape) * self.stored.itemsize


@dataclass(frozen=True)
class Bag:
    """A bag.

    Attributes:
        bag: its id, unique in the data set and valid as a file name.
        patches: (instances, *layout.shape).
        patient: id of the patient; empty if every bag is a patient of its own.
        split: of a generated bag; empty for scans, whose split is in the sample sheet.
        label: name of the class of a generated bag; empty for scans.
        affine: 4 x 4, from a voxel (i, j, k) of the scan's grid to NIfTI's world (RAS) in millimetres.
        corners: (instances, 3), the first voxel (i, j, k) of each patch without its margin.
        auxiliary: name of a task -> (instances,), class numbers or values.
        described: name -> (instances,), further numbers that describe instances; not used for training.
        instance_label: (instances,), for evaluation alone.
        attributes: of the bag, named without `attr_`; unknown ones are left out.
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
