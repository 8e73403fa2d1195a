"""The picture of the instance types in docs/morpho.md.

`PYTHONPATH=scripts python -m benchmarks.pictures.morpho MNIST docs/pictures`; MNIST is the folder of its files.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.training import dataset_settings
from marrow.datasets.morpho import INSTANCE_CLASSES, draw_digit
from marrow.datasets.morphology.resolution import WHITE, Image
from marrow.datasets.sources.mnist import read_mnist

DIGITS = 10


def main() -> None:
    """Draw the first training digits as each instance type."""
    parser = argparse.ArgumentParser(description="Draw the instance types of Morpho-MNIST bags.")
    parser.add_argument("mnist", type=Path, help="the folder of MNIST")
    parser.add_argument("folder", type=Path, help="where the picture goes")
    given = parser.parse_args()
    draw_types(read_mnist(given.mnist, "train")[0][:DIGITS]).savefig(given.folder / "morpho_types.png", dpi=80)


def draw_types(images: Image) -> Figure:
    """Digits (digits, y, x) as they are in MNIST and, below, as each instance type with the default settings."""
    settings = dataset_settings("morpho")
    rng = np.random.default_rng(0)
    drawn = [[draw_digit(image, kind, settings, rng) for image in images] for kind, _ in enumerate(INSTANCE_CLASSES)]
    figure = Figure(figsize=(10.6, 4.72))
    grid = {"wspace": 0.06, "hspace": 0.06, "left": 0.12, "right": 0.995, "top": 0.995, "bottom": 0.005}
    rows = figure.subplots(1 + len(drawn), len(images), squeeze=False, gridspec_kw=grid)
    for row, name, digits in zip(rows, ("as in MNIST", *INSTANCE_CLASSES), (images, *drawn), strict=True):
        row[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=11)
        for panel, digit in zip(row, digits, strict=True):
            panel.imshow(digit, cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
            panel.set(xticks=[], yticks=[])
    return figure


if __name__ == "__main__":
    main()
