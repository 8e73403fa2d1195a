"""Which instances of a scan are shown one by one, and what in each speaks for the class.

Patches overlap, so that the highest score mostly has the next highest beside it. As for free-response marks, a patch is
left out where the centre of an earlier one lies within its edge.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from torch import Tensor

from marrow.bags.bag import Array
from marrow.bags.patches.choice import Corners
from marrow.drawing.bone_sheet.slices import hung
from marrow.drawing.maps.top_figure import Picture, TopInstance
from marrow.explanation.localisation.bone_hits import BONE
from marrow.explanation.localisation.free_response import choose_marks
from marrow.explanation.localisation.guided import guided_saliency
from marrow.explanation.localisation.quantities import Scores
from marrow.imaging.volume import voxels
from marrow.learning.model import Model

WINDOW = (1.0, 99.9)  # percentiles of the scan's patches that are white and black
SHOWN = "each patch from front to back, its brightest voxels; of patches that overlap the one with the highest score"
GUIDED = "below: guided backpropagation times input, summed from front to back; red speaks for {name}, blue against it"


@dataclass(frozen=True)
class Patches:
    """The patches of a scan.

    Attributes:
        voxels: (patches, channels, z, y, x), without margin.
        corners: (patches, 3), their first voxels, x first.
        columns: what the bag says of them.
        bones: the names of the bones.
        direction: of the scan's grid, as images have it.
    """

    voxels: Tensor
    corners: Corners
    columns: Mapping[str, Array]
    bones: Sequence[str]
    direction: Sequence[float]

    @property
    def window(self) -> tuple[float, float]:
        """The values of the first channel that are white and black."""
        low, high = np.percentile(self.voxels[:, 0].cpu().numpy(), WINDOW)
        return float(low), float(max(high, low + 1e-6))


def top_instances(patches: Patches, scores: Scores, count: int, model: Model | None, number: int) -> list[TopInstance]:
    """The instances with the highest scores that do not overlap, the highest first.

    Args:
        patches: of the scan.
        scores: (patches,).
        count: how many at most.
        model: that is asked which voxels speak for a class; None to leave that out.
        number: of the class.
    """
    edge = patches.voxels.shape[-1]
    chosen = choose_marks(scores, patches.corners, edge)[:count]
    picked = patches.voxels[torch.from_numpy(chosen).to(patches.voxels.device)]
    saliency = None if model is None else guided_saliency(model, picked, number).sum(1).cpu().numpy()
    shown = picked[:, 0].cpu().numpy()
    return [
        TopInstance(
            lines=_lines(place + 1, instance, float(scores[instance]), patches),
            picture=_turned(shown[place], patches.direction).max(axis=1)[::-1],
            saliency=None if saliency is None else _turned(saliency[place], patches.direction).sum(axis=1)[::-1],
        )
        for place, instance in enumerate(chosen.tolist())
    ]


def _lines(place: int, instance: int, score: float, patches: Patches) -> list[str]:
    bone = patches.bones[int(patches.columns[BONE][instance])].replace("_", " ")
    lines = [f"{place}: {score:.2f}", bone]
    if "instance_label" in patches.columns:
        lines.append(f"{float(patches.columns['instance_label'][instance]):.0%} lesion")
    return lines


def _turned(patch: Picture, direction: Sequence[float]) -> Picture:
    """A patch (z, y, x) as a radiologist hangs it: x to the patient's left, y to the back, z to the head."""
    image = sitk.GetImageFromArray(patch)
    image.SetDirection(direction)
    turned = hung(image)
    return np.array(voxels(turned), dtype=np.float32)
