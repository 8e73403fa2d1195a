"""From images on a scan's grid to the figure of a map: everything turned as a radiologist hangs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.drawing.bone_sheet.slices import hung
from marrow.drawing.maps.figure import MapContent, draw_map_figure, highest_of
from marrow.explanation.localisation.per_bone import BoneWeight
from marrow.explanation.localisation.quantities import Quantity
from marrow.imaging.volume import voxels


@dataclass(frozen=True)
class Drawing:
    """What is drawn; images on one grid.

    Attributes:
        heading, told: the title, and a line below it.
        background: of a standardised contrast.
        background_name: of that contrast.
        weights: the map.
        bones: label map.
        lesions: mask; None where nobody marked any.
        quantity: what the map shows.
        table: the weight of each bone.
    """

    heading: str
    told: str
    background: sitk.Image
    background_name: str
    weights: sitk.Image
    bones: sitk.Image
    lesions: sitk.Image | None
    quantity: Quantity
    table: Sequence[BoneWeight]


def draw(drawing: Drawing, path: Path) -> None:
    """Draw the figure."""
    weights = _hung(drawing.weights)
    x, _, z = hung(drawing.weights).GetSpacing()
    draw_map_figure(
        MapContent(
            heading=drawing.heading,
            told=drawing.told,
            background=_hung(drawing.background),
            background_name=drawing.background_name,
            weights=weights,
            bones=_hung(drawing.bones).astype(np.uint8),
            lesions=None if drawing.lesions is None else _hung(drawing.lesions) > 0,
            aspect=z / x,
            quantity=drawing.quantity.name.replace("-", " "),
            scaling=drawing.quantity.scaling,
            highest=highest_of(drawing.quantity.name, weights),
            table=drawing.table,
        ),
        path,
    )


def _hung(image: sitk.Image) -> npt.NDArray[np.float32]:
    """The voxels of an image as it hangs, (z, y, x)."""
    turned = hung(image)
    return np.array(voxels(turned), dtype=np.float32)  # a copy: the view would not outlive the image
