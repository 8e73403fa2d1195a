"""The steps in their order, and what is kept of each: its labels' pictures, and what it did.

Midplane and morphology need no atlas; the surface needs one, and a model learned on annotated scans. Only one copy of
the labels before the step at hand is held.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.correction.atlas import follow_atlas
from marrow.bones.correction.dilation import dilate
from marrow.bones.correction.midplane import estimate_sheet
from marrow.bones.correction.morphology import tidy
from marrow.bones.correction.outcome import Labels, Mask, Outcome, Spacing
from marrow.bones.correction.sides import settle_sides
from marrow.bones.segmentation.prepare import Body
from marrow.bones.surface.features import Surroundings
from marrow.bones.surface.model import SurfaceModel
from marrow.bones.surface.step import settle_surface
from marrow.bones.table import Bone
from marrow.imaging.grid import Grid
from marrow.imaging.volume import voxels

STEPS = ("surface", "atlas", "midplane", "morphology", "dilation")


@dataclass(frozen=True)
class Scan:
    """What the correction knows of a scan besides its labels.

    Attributes:
        water: the water image.
        body: the body mask, on the same grid.
        atlas: the atlas's bones and the agreement on them in percent, `(z, y, x)`; nothing without an atlas.
        surface: the contrasts, and the model that tells from them where bones end; nothing without one.
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
    """Each enabled step by name, with the labels `(z, y, x)` after it and what it says."""
    inside: Mask = np.asarray(voxels(scan.body) != 0)
    for step in STEPS:
        if not settings[step]["enabled"]:
            continue
        outcome = _taken(step, labels, scan, inside, bones, settings[step])
        labels = outcome.labels
        yield step, outcome


def _taken(
    step: str, labels: Labels, scan: Scan, inside: Mask, bones: Sequence[Bone], settings: dict[str, Any]
) -> Outcome:
    if step == "atlas":
        if scan.atlas is None:
            return Outcome(labels, ("there is no atlas: it is built from annotated training scans",))
        return follow_atlas(labels, *scan.atlas, inside, bones, scan.spacing, settings)
    if step == "surface":
        return _with_surface(labels, scan, bones, settings)
    if step == "midplane":
        sheet = estimate_sheet(scan.water, scan.body, settings)
        return settle_sides(labels, sheet, Grid.of(scan.body), bones, scan.spacing, settings)
    if step == "morphology":
        return tidy(labels, inside, bones, scan.spacing, settings)
    return dilate(labels, inside, scan.spacing, settings)


def _with_surface(labels: Labels, scan: Scan, bones: Sequence[Bone], settings: dict[str, Any]) -> Outcome:
    if scan.atlas is None or scan.surface is None:
        return Outcome(labels, ("there is no model of the surface: it is learned on annotated training scans",))
    body, model = scan.surface
    drawn, agreed = (part[body.box] for part in scan.atlas)
    around = Surroundings(body, labels[body.box], drawn, agreed, scan.spacing)
    return settle_surface(labels, around, model, bones, settings)
