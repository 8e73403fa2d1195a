"""Reads the steps of a correction: projections of the labels before and after each step, messages, volumes.

`steps.npz` has two projections of the labels after each enabled step; `corrections.json` has the number of voxels that
each step changed, its messages, and the volumes of the bones.
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
SMALL = 0.08  # of a picture's height: changes up to this size get a ring
NEAR = 0.015  # of a picture's height: changes within this distance are grouped
MOST_RINGS = 8  # more changes are visible without rings


@dataclass(frozen=True)
class Projection:
    """A projection of the labels, `(rows, columns)` with the head first, before and after a step.

    For the first step the two are the same.
    """

    before: Picture
    after: Picture

    @property
    def changed(self) -> Mask:
        """Where the two differ."""
        return self.before != self.after

    @property
    def removed(self) -> Mask:
        """Where there was a bone before the step, and none after it."""
        return (self.before > 0) & (self.after == 0)

    @property
    def shape(self) -> float:
        """Width over height."""
        rows, columns = self.after.shape
        return columns / rows

    def cropped(self, box: tuple[slice, ...]) -> "Projection":
        """A part of it."""
        return Projection(self.before[box], self.after[box])


@dataclass(frozen=True)
class Step:
    """One step of the correction.

    Attributes:
        name: such as `midplane`; `raw` before all steps.
        projections: view (`front`, `side`) -> the projection.
        changed_voxels: number of voxels of the volume that it changed; None if `corrections.json` has no entry.
        changed_ml: their volume.
        messages: a sentence for each change.
    """

    name: str
    projections: dict[str, Projection]
    changed_voxels: int | None
    changed_ml: float | None
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Volumes:
    """Volumes of one bone in millilitres; None if the step was not reached."""

    raw: float | None
    corrected: float | None
    dilated: float | None


def read_steps(pictures: Path, summary: Path) -> list[Step]:
    """Read the steps in order, the raw labels first."""
    entries = {step["step"]: step for step in json.loads(summary.read_text(encoding="utf-8"))["steps"]}
    pictures_of: dict[int, tuple[str, dict[str, Picture]]] = {}
    with np.load(pictures, allow_pickle=False) as arrays:
        for name in arrays.files:
            if match := _NAME.fullmatch(name):
                pictures_of.setdefault(int(match["number"]), (match["step"], {}))[1][match["view"]] = arrays[name]
    steps: list[Step] = []
    before: dict[str, Picture] = {}
    for _, (name, after) in sorted(pictures_of.items()):
        entry = entries.get(name, {})
        steps.append(
            Step(
                name=name,
                projections={view: Projection(before.get(view, after[view]), after[view]) for view in VIEWS},
                changed_voxels=entry.get("changed_voxels"),
                changed_ml=entry.get("changed_ml"),
                messages=tuple(entry.get("said", ())),
            )
        )
        before = after
    return steps


def read_volumes(summary: Path) -> dict[str, Volumes]:
    """Read the volumes: bone name -> its volumes."""
    bones = json.loads(summary.read_text(encoding="utf-8"))["bones"]
    return {name: Volumes(ml["raw_ml"], ml["corrected_ml"], ml["dilated_ml"]) for name, ml in bones.items()}


def volumes_of(labels: Picture, bones: Sequence[Bone], spacing_mm: Sequence[float]) -> dict[str, Volumes]:
    """Bone name -> its predicted volume, for scans without a correction."""
    # By slices, because `bincount` converts labels to eight bytes a voxel.
    counts = np.sum([np.bincount(part.ravel(), minlength=256) for part in labels], axis=0)
    voxel_ml = math.prod(spacing_mm) / MILLILITRE
    return {bone.name: Volumes(float(counts[bone.id]) * voxel_ml, None, None) for bone in bones}


def small_changes(changed: Mask) -> Sequence[tuple[float, float, float]]:
    """Row, column and radius in pixels of changes that are small enough to need a ring, the largest first.

    An empty list if there are more than `MOST_RINGS`.
    """
    height = changed.shape[0]
    dilated = ndimage.binary_dilation(changed, np.ones((3, 3)), iterations=max(1, round(NEAR * height)))
    groups = np.zeros(changed.shape, dtype=np.int32)
    ndimage.label(dilated, np.ones((3, 3)), output=groups)
    rings: list[tuple[int, tuple[float, float, float]]] = []
    for number, box in enumerate(ndimage.find_objects(groups), start=1):
        rows, columns = np.nonzero((groups[box] == number) & changed[box])
        rows, columns = rows + box[0].start, columns + box[1].start
        extent = max(np.ptp(rows), np.ptp(columns)) + 1
        if extent <= SMALL * height:
            centre = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
            rings.append((len(rows), (float(centre[0]), float(centre[1]), float(extent) / 2)))
    return [mark for _, mark in sorted(rings, reverse=True)] if len(rings) <= MOST_RINGS else []
