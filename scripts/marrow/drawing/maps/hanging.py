"""From images on a scan's grid to the figure of a map: everything turned as a radiologist hangs it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.drawing.bone_sheet.slices import hung
from marrow.drawing.maps.figure import MapContent, draw_map_figure, highest_of
from marrow.explanation.localisation.scan_map import ScanMap
from marrow.imaging.volume import voxels


@dataclass(frozen=True)
class MapImages:
    """The images of a figure, on one grid.

    Attributes:
        background: of a standardised contrast.
        background_name: of that contrast.
        weights: the map.
        bones: label map.
        lesions: mask; None where nobody marked any.
    """

    background: sitk.Image
    background_name: str
    weights: sitk.Image
    bones: sitk.Image
    lesions: sitk.Image | None


def draw_scan_map(scan_map: ScanMap, images: MapImages, heading: str, path: Path) -> None:
    """Draw the figure of a scan's map."""
    weights = _hung(images.weights)
    x, _, z = hung(images.weights).GetSpacing()
    quantity = scan_map.quantity
    draw_map_figure(
        MapContent(
            heading=heading,
            told=f"{scan_map.caption} · {quantity.name} · {len(scan_map.corners)} patches",
            background=_hung(images.background),
            background_name=images.background_name,
            weights=weights,
            bones=_hung(images.bones).astype(np.uint8),
            lesions=None if images.lesions is None else _hung(images.lesions) > 0,
            aspect=z / x,
            quantity=quantity.name.replace("-", " "),
            scaling=quantity.scaling,
            highest=highest_of(quantity.name, weights),
            table=scan_map.bone_weights(),
        ),
        path,
    )


def _hung(image: sitk.Image) -> npt.NDArray[np.float32]:
    """The voxels of an image as it hangs, (z, y, x)."""
    turned = hung(image)
    return np.array(voxels(turned), dtype=np.float32)  # a copy: the view would not outlive the image
