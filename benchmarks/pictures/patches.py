"""The picture of `docs/patches.md`: `python -m benchmarks.pictures.patches docs/pictures` draws it, in about a minute.

Left, one coronal slice of a phantom's water image with its dilated bones, and the patches whose centres are nearest;
right, the centres of all patches in front of all bones. A patch has the colour of its bone.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.volumes import phantom_anatomy
from marrow.bags.patches.choice import choose
from marrow.bags.patches.cutting import Labels, cut, main_bones
from marrow.bags.patches.size import Size
from marrow.bones.correction.dilation import dilate
from marrow.bones.table import read_bones
from marrow.drawing.bone_colours import bone_colours

SETTINGS = {"patch_mm": 32, "stride_mm": 16, "margin_mm": 8, "bone_share": 0.5}
_DILATION = {"mm": 2.0}


def main() -> None:
    """Draw the picture into a folder."""
    parser = argparse.ArgumentParser(description="Draw the picture of how patches are chosen.")
    parser.add_argument("folder", type=Path, help="where the picture goes")
    folder: Path = parser.parse_args().folder
    anatomy = phantom_anatomy("focal-01", 2021, "full", ["water"])
    water = anatomy.signals[0]
    x, y, z = anatomy.grid.spacing
    dilated = dilate(anatomy.labels, water > 0, (z, y, x), _DILATION).labels
    figure = draw_patches(water, dilated, Size.of(SETTINGS, anatomy.grid.spacing))
    figure.savefig(folder / "patches.png", dpi=110, metadata={"Software": None})


def draw_patches(water: npt.NDArray[np.float32], labels: Labels, size: Size) -> Figure:
    """A volume and its bones `(z, y, x)`, both in LPS, with the patches that `size` chooses."""
    corners, _ = choose(labels > 0, size)
    bones = read_bones()
    colours = bone_colours(bones)
    patches = [colours[int(bone)] for bone in main_bones(cut(labels, corners, size.edge), len(bones))]
    figure = Figure(figsize=(7, 8), facecolor="black", layout="constrained")
    slice_axes, whole_axes = figure.subplots(1, 2)
    y = int(np.argmax((labels > 0).sum(axis=(0, 2))))
    _show(slice_axes, water[:, y], f"a slice, its bones and the patches within {size.stride // 2} voxels of it")
    slice_axes.contour(labels[:, y] > 0, levels=[0.5], colors="white", linewidths=0.6)
    near = np.abs(corners[:, 1] + size.edge / 2 - y) <= size.stride / 2
    for (i, _, k), colour in zip(corners[near].tolist(), np.array(patches)[near].tolist(), strict=True):
        slice_axes.add_patch(Rectangle((i, k), size.edge, size.edge, fill=False, edgecolor=colour, linewidth=0.9))
    _show(whole_axes, (labels > 0).sum(axis=1) ** 0.5, f"all bones and the centres of {len(corners)} patches")
    x, _, z = (corners + size.edge / 2).T
    whole_axes.scatter(x, z, s=9, c=patches, edgecolors="black", linewidths=0.3)
    return figure


def _show(axes: Axes, picture: npt.NDArray[np.floating], title: str) -> None:
    brightest = float(np.percentile(picture[picture > 0], 99))
    axes.imshow(picture, cmap="gray", vmin=0, vmax=1.6 * brightest, origin="lower")
    axes.set_title(title, color="white", fontsize=7)
    axes.set_axis_off()


if __name__ == "__main__":
    main()
