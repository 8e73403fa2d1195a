"""Runs the correction steps in order.

Midplane and morphology need no atlas; the surface step needs one, and a model trained on annotated scans. Only one copy
of the labels before the current step is in memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction.atlas import apply_atlas
from marrow.bones.correction.dilation import dilate
from marrow.bones.correction.midplane import estimate_sheet
from marrow.bones.correction.morphology import clean_shape
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing
from marrow.bones.correction.sides import correct_sides
from marrow.bones.segmentation.prepare import Body
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.model import SurfaceModel
from marrow.bones.surface.step import correct_surface
from marrow.bones.table import Bone
from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels

STEPS = ("surface", "atlas", "midplane", "morphology", "dilation")


@dataclass(frozen=True)
class Scan:
    """The data of a scan that the steps use besides its labels, on one grid.

    Attributes:
        atlas: the atlas's bones and the agreement on them in percent, `(z, y, x)`; None without an atlas.
        surface: the contrasts, and the model of the bones' surface; None without a model.
    """

    water: sitk.Image
    body: sitk.Image
    atlas: tuple[Labels, Labels] | None
    surface: tuple[Body, SurfaceModel] | None = None

    @property
    def spacing(self) -> Spacing:
        """Millimetres between voxels (z, y, x)."""
        x, y, z = self.body.GetSpacing()
        return z, y, x


def correct(
    labels: Labels, scan: Scan, bones: Sequence[Bone], settings: dict[str, Any]
) -> Iterator[tuple[str, Outcome]]:
    """Apply the enabled steps; yields the name and outcome of each, with labels `(z, y, x)`."""
    inside: Mask = np.asarray(voxels(scan.body) != 0)
    for step in STEPS:
        if not settings[step]["enabled"]:
            continue
        outcome = _apply(step, labels, scan, inside, bones, settings[step])
        labels = outcome.labels
        yield step, outcome


def _apply(
    step: str, labels: Labels, scan: Scan, inside: Mask, bones: Sequence[Bone], settings: dict[str, Any]
) -> Outcome:
    if step == "atlas":
        if scan.atlas is None:
            return Outcome(labels, ("there is no atlas: it is built from annotated training scans",))
        return apply_atlas(labels, *scan.atlas, inside, bones, scan.spacing, settings)
    if step == "surface":
        return _with_surface(labels, scan, bones, settings)
    if step == "midplane":
        sheet = estimate_sheet(scan.water, scan.body, settings)
        return correct_sides(labels, sheet, Grid.of(scan.body), bones, scan.spacing, settings)
    if step == "morphology":
        return clean_shape(labels, inside, bones, scan.spacing, settings)
    return dilate(labels, inside, scan.spacing, settings)


def _with_surface(labels: Labels, scan: Scan, bones: Sequence[Bone], settings: dict[str, Any]) -> Outcome:
    if scan.atlas is None or scan.surface is None:
        return Outcome(labels, ("there is no model of the surface: it is learned on annotated training scans",))
    body, model = scan.surface
    atlas, agreement = (part[body.box] for part in scan.atlas)
    surroundings = Surroundings(body, labels[body.box], atlas, agreement, scan.spacing)
    return correct_surface(labels, surroundings, model, bones, settings)
