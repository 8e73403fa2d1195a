"""The steps of the correction as the sheet tells them: a picture before, one after, and what was said.

`steps.npz` holds, for each step that is switched on, two projections of the labels; `corrections.json` holds what each
step changed, and volumes.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from marrow.bones.table import Bone

Picture = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

VIEWS = ("front", "side")
MILLILITRE = 1000.0  # cubic millimetres
_NAME = re.compile(r"(?P<number>\d+)_(?P<step>.+)_(?P<view>front|side)")
SMALL = 0.08  # of a picture's height: a change that one could overlook
NEAR = 0.015  # of a picture's height: changes as near as this are one
MOST_MARKS = 8  # where there are more, they are everywhere, and seen without rings


@dataclass(frozen=True)
class Projection:
    """A projection of the labels after a step, and after the one before it.

    Attributes:
        before: `(rows, columns)`, ids of bones, head first; of the first step the same as `after`.
        after: the same after the step.
    """

    before: Picture
    after: Picture

    @property
    def changed(self) -> Mask:
        """Where the two differ."""
        return self.before != self.after

    @property
    def removed(self) -> Mask:
        """Where a bone was and none is left."""
        return (self.before > 0) & (self.after == 0)


@dataclass(frozen=True)
class Step:
    """One step of the correction.

    Attributes:
        name: such as `midplane`; `raw` before all steps.
        projections: view (`front`, `side`) -> the projection.
        changed_voxels: how many voxels of the volume it changed; None where nothing was said.
        changed_ml: their volume.
        said: a sentence for each thing that it did.
    """

    name: str
    projections: dict[str, Projection]
    changed_voxels: int | None
    changed_ml: float | None
    said: tuple[str, ...]


@dataclass(frozen=True)
class Volumes:
    """Volumes of one bone in millilitres; None where the step was not reached."""

    raw: float | None
    corrected: float | None
    dilated: float | None


def read_steps(pictures: Path, corrections: Path) -> list[Step]:
    """The steps in their order, the raw labels first."""
    said = {step["step"]: step for step in json.loads(corrections.read_text(encoding="utf-8"))["steps"]}
    found: dict[int, tuple[str, dict[str, Picture]]] = {}
    with np.load(pictures, allow_pickle=False) as arrays:
        for name in arrays.files:
            if match := _NAME.fullmatch(name):
                found.setdefault(int(match["number"]), (match["step"], {}))[1][match["view"]] = arrays[name]
    steps: list[Step] = []
    before: dict[str, Picture] = {}
    for _, (name, after) in sorted(found.items()):
        known = said.get(name, {})
        steps.append(
            Step(
                name=name,
                projections={view: Projection(before.get(view, after[view]), after[view]) for view in VIEWS},
                changed_voxels=known.get("changed_voxels"),
                changed_ml=known.get("changed_ml"),
                said=tuple(known.get("said", ())),
            )
        )
        before = after
    return steps


def read_volumes(corrections: Path) -> dict[str, Volumes]:
    """Bone name -> its volumes."""
    bones = json.loads(corrections.read_text(encoding="utf-8"))["bones"]
    return {name: Volumes(ml["raw_ml"], ml["corrected_ml"], ml["dilated_ml"]) for name, ml in bones.items()}


def volumes_of(labels: Picture, bones: Sequence[Bone], spacing_mm: Sequence[float]) -> dict[str, Volumes]:
    """Bone name -> its volume as predicted, where no correction was made."""
    # Slice by slice: numpy counts in eight bytes a voxel.
    counts = np.sum([np.bincount(part.ravel(), minlength=256) for part in labels], axis=0)
    voxel_ml = math.prod(spacing_mm) / MILLILITRE
    return {bone.name: Volumes(float(counts[bone.id]) * voxel_ml, None, None) for bone in bones}


def small_changes(changed: Mask) -> Sequence[tuple[float, float, float]]:
    """Changes so small that they need a ring to be seen, the largest first: row, column and radius in pixels.

    None where there are more than `MOST_MARKS`.
    """
    height = changed.shape[0]
    joined = ndimage.binary_dilation(changed, np.ones((3, 3)), iterations=max(1, round(NEAR * height)))
    groups = np.zeros(changed.shape, dtype=np.int32)
    ndimage.label(joined, np.ones((3, 3)), output=groups)
    marks: list[tuple[int, tuple[float, float, float]]] = []
    for number, box in enumerate(ndimage.find_objects(groups), start=1):
        rows, columns = np.nonzero((groups[box] == number) & changed[box])
        rows, columns = rows + box[0].start, columns + box[1].start
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        if extent <= SMALL * height:
            centre = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
            marks.append((len(rows), (float(centre[0]), float(centre[1]), float(extent) / 2)))
    return [mark for _, mark in sorted(marks, reverse=True)] if len(marks) <= MOST_MARKS else []
