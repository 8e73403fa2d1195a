"""Pictures of augmented patches: `python -m benchmarks.pictures.augmentation docs/pictures b900.nii bones.nii`.

A row is a patch: its middle coronal slice with the margin and without, after each step alone at its default magnitude,
and after all steps as training draws them in three epochs. With `--mnist` the same of digits.
"""

import argparse
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
import torch
from matplotlib.figure import Figure
from torch import Tensor

from marrow.bags.bag import Layout
from marrow.datasets.sources.mnist import read_mnist
from marrow.learning.augment.bag import augment
from marrow.learning.augment.parameters import draw_parameters
from marrow.learning.augment.settings import Augmentation
from marrow.learning.feed.augmenter import cropped

STEPS = ("flip", "shift", "rotation", "elastic", "smoothing", "jitter")
ROWS = 5
EPOCHS = 3
_EDGE, _MARGIN = 16, 4
_DIGIT = Layout((1, 28, 28), "uint8", flips=False)


def main() -> None:
    """Draw the pictures into a folder."""
    parser = argparse.ArgumentParser(description="Draw augmented patches beside their originals.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("volume", type=Path, help="a standardised volume")
    parser.add_argument("bones", type=Path, help="its bones")
    parser.add_argument("--mnist", type=Path, help="a folder with MNIST, for a picture of digits")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    layout = Layout((1, *(_EDGE + 2 * _MARGIN,) * 3), "float16", _MARGIN)
    draw(_patches(_read(given.volume), _read(given.bones)), layout, given.folder / "augmentation_patches.png")
    if given.mnist:
        digits = torch.tensor(read_mnist(given.mnist, "train")[0][:ROWS, None])
        draw(digits, _DIGIT, given.folder / "augmentation_digits.png")


def draw(patches: Tensor, layout: Layout, path: Path) -> None:
    """Originals, each step alone and all of them, as a PNG. `patches`: (instances, *layout.shape)."""
    shown = [("original", cropped(patches, layout))]
    if layout.margin:
        shown.insert(0, ("with its margin", patches.float()))
    usual = Augmentation()
    off = {field.name: 0.0 for field in fields(Augmentation) if field.name.endswith("probability")}
    settings = {step: replace(usual, **{**off, f"{step}_probability": 1.0}) for step in STEPS[not layout.flips :]}
    settings |= {f"epoch {epoch + 1}": usual for epoch in range(EPOCHS)}
    for epoch, (name, augmentation) in enumerate(settings.items()):
        drawn = draw_parameters(augmentation, layout, len(patches), 0, epoch, "gallery")
        shown.append((name, augment(patches, drawn, layout)))
    _save(shown, path)


def _save(shown: Sequence[tuple[str, Tensor]], path: Path) -> None:
    rows, originals = len(shown[0][1]), dict(shown)["original"]
    figure = Figure(figsize=(1.25 * len(shown), 1.25 * rows + 0.25), facecolor="black", layout="constrained")
    panels = figure.subplots(rows, len(shown), squeeze=False)
    for column, (name, patches) in enumerate(shown):
        for row, patch in enumerate(patches):
            white = 1.1 * float(_middle(originals[row]).max())
            picture = _middle(patch).numpy()
            panels[row, column].imshow(picture, cmap="gray", vmin=0, vmax=white, interpolation="nearest")
            panels[row, column].set_axis_off()
        panels[0, column].set_title(name, color="white", fontsize=8)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _middle(patch: Tensor) -> Tensor:
    """The coronal slice in the middle of a patch, head up; a picture as it is."""
    return patch[0, :, patch.shape[2] // 2].flip(0) if patch.ndim == 4 else patch[0]


def _patches(volume: npt.NDArray[np.float32], bones: npt.NDArray[np.uint8]) -> Tensor:
    """The patch with most bone of each of some bones, evenly through the table."""
    ids = np.unique(bones)[1:]
    chosen = ids[np.linspace(0, len(ids) - 1, ROWS).round().astype(int)]
    inside = np.zeros_like(bones, bool)
    ends = [length - _EDGE - _MARGIN for length in bones.shape]
    inside[_MARGIN : ends[0] : 4, _MARGIN : ends[1] : 4, _MARGIN : ends[2] : 4] = True
    corners = np.argwhere(inside)
    patches: list[npt.NDArray[np.float16]] = []
    for bone in chosen:
        shares = [np.mean(bones[z : z + _EDGE, y : y + _EDGE, x : x + _EDGE] == bone) for z, y, x in corners]
        z, y, x = corners[int(np.argmax(shares))] - _MARGIN
        edge = _EDGE + 2 * _MARGIN
        patches.append(volume[None, z : z + edge, y : y + edge, x : x + edge].astype(np.float16))
    return torch.from_numpy(np.stack(patches))


def _read(path: Path) -> npt.NDArray[Any]:
    return sitk.GetArrayFromImage(sitk.ReadImage(path))


if __name__ == "__main__":
    main()
