"""The patches of a scan with the highest scores, and the voxels in each that speak for the predicted class.

Patches overlap, so that the patch with the next highest score mostly lies beside that with the highest. As for
free-response marks, a patch is left out where the centre of an earlier one lies within its edge.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor

from marrow.drawing.bone_sheet.slices import hung_voxels
from marrow.drawing.maps.top_figure import Picture, TopInstance, draw_top
from marrow.explanation.localisation.bone_hits import BONE
from marrow.explanation.localisation.free_response import choose_marks
from marrow.explanation.localisation.guided import guided_saliency
from marrow.explanation.localisation.scan_map import ScanMap
from marrow.learning.model import Model

WINDOW = (1.0, 99.9)  # percentiles of the scan's patches that are white and black
SHOWN = "each patch from front to back, its brightest voxels; of patches that overlap the one with the highest score"
GUIDED = "below: guided backpropagation times input, summed from front to back; red speaks for {name}, blue against it"


def draw_top_patches(
    scan_map: ScanMap,
    patches: Tensor,
    attributes: Tensor,
    direction: Sequence[float],
    count: int,
    model: Model | None,
    heading: str,
    path: Path,
) -> None:
    """Draw the patches with the highest scores that do not overlap, the highest first.

    Args:
        scan_map: of the scan.
        patches: (patches, channels, z, y, x), without margin.
        attributes: (1, attributes), those of the scan that the model learns from.
        direction: of the scan's grid, as images have it.
        count: how many patches at most.
        model: whose guided gradients are shown; None to leave them out.
        heading: the title.
        path: the PNG to write.
    """
    scores = scan_map.quantity.values
    chosen = choose_marks(scores, scan_map.corners, patches.shape[-1])[:count]
    picked = patches[torch.from_numpy(chosen).to(patches.device)]
    predicted = scan_map.prediction.predicted
    saliency, below = None, ""
    if model is not None:
        number = scan_map.manifest.classes.index(predicted)
        saliency = guided_saliency(model, picked, number, attributes).sum(1).cpu().numpy()
        below = "\n" + GUIDED.format(name=predicted)
    shown = picked[:, 0].cpu().numpy()
    instances = [
        TopInstance(
            lines=_lines(place + 1, instance, scan_map),
            picture=_turned(shown[place], direction).max(axis=1)[::-1],
            saliency=None if saliency is None else _turned(saliency[place], direction).sum(axis=1)[::-1],
        )
        for place, instance in enumerate(chosen.tolist())
    ]
    words = f"{scan_map.caption} · {scan_map.quantity.name} · {SHOWN}{below}"
    draw_top(f"{heading}: top patches", words, instances, _window(patches), path)


def _window(patches: Tensor) -> tuple[float, float]:
    """The values of the first channel that are white and black."""
    low, high = np.percentile(patches[:, 0].cpu().numpy(), WINDOW)
    return float(low), float(max(high, low + 1e-6))


def _lines(place: int, instance: int, scan_map: ScanMap) -> list[str]:
    bone = scan_map.bone_names[int(scan_map.columns[BONE][instance])].replace("_", " ")
    lines = [f"{place}: {float(scan_map.quantity.values[instance]):.2f}", bone]
    if "instance_label" in scan_map.columns:
        lines.append(f"{float(scan_map.columns['instance_label'][instance]):.0%} lesion")
    return lines


def _turned(patch: Picture, direction: Sequence[float]) -> Picture:
    """A patch (z, y, x) as a radiologist hangs it: x to the patient's left, y to the back, z to the head."""
    image = sitk.GetImageFromArray(patch)
    image.SetDirection(direction)
    return hung_voxels(image)
