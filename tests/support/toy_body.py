"""A rough body of ellipsoids for tests of pictures: quick to make, and with a left and a right that differ."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

CONTRASTS = ["fat", "water", "b50", "b900"]

# centre and half axes (x, y, z) in shares of the grid: head, trunk, arms, legs
PARTS = [
    ((0.50, 0.50, 0.90), (0.13, 0.27, 0.09)),
    ((0.50, 0.50, 0.60), (0.26, 0.38, 0.25)),
    ((0.14, 0.50, 0.56), (0.07, 0.18, 0.25)),
    ((0.86, 0.50, 0.56), (0.07, 0.18, 0.25)),
    ((0.36, 0.50, 0.22), (0.12, 0.28, 0.26)),
    ((0.64, 0.50, 0.22), (0.12, 0.28, 0.26)),
]
SPLEEN = ((0.66, 0.60, 0.66), (0.06, 0.12, 0.04))  # on the patient's left


@dataclass(frozen=True)
class ToyBody:
    """Volumes `(z, y, x)` of one scan on one grid."""

    body: sitk.Image
    resampled: dict[str, sitk.Image]
    normalised: dict[str, sitk.Image]


def toy_body(size: tuple[int, int, int] = (60, 40, 115), spacing: float = 8.0, seed: int = 0) -> ToyBody:
    """A body on a grid of `size` (x, y, z) voxels."""
    rng = np.random.default_rng(seed)
    body = _inside(size, PARTS, 1.0)
    lean = _inside(size, PARTS, 0.82)
    spleen = _inside(size, [SPLEEN], 1.0)
    levels = {
        "fat": np.where(lean, 18.0, 85.0),
        "water": np.where(lean, 70.0, 8.0) + 20.0 * spleen,
        "b50": np.where(lean, 55.0, 10.0) + 40.0 * spleen,
        "b900": np.where(lean, 30.0, 12.0) + 130.0 * spleen,
    }
    standard = {name: np.where(body, level + rng.normal(0, 6, body.shape), 0.0) for name, level in levels.items()}
    return ToyBody(
        body=_image(body.astype(np.uint8), spacing),
        resampled={name: _image(np.clip(v * 9.3 + 40 * body, 0, None), spacing) for name, v in standard.items()},
        normalised={name: _image(v, spacing) for name, v in standard.items()},
    )


def _inside(size: tuple[int, int, int], parts: list, scale: float) -> np.ndarray:
    x, y, z = size
    grid = np.meshgrid(*[(np.arange(n) + 0.5) / n for n in (z, y, x)], indexing="ij")
    inside = np.zeros((z, y, x), dtype=bool)
    for centre, axes in parts:
        pairs = zip(grid, centre[::-1], axes[::-1], strict=True)
        inside |= sum(((g - c) / (a * scale)) ** 2 for g, c, a in pairs) <= 1
    return inside


def _image(array: np.ndarray, spacing: float) -> sitk.Image:
    image = sitk.GetImageFromArray(array if array.dtype == np.uint8 else array.astype(np.float32))
    image.SetSpacing((spacing,) * 3)
    return image
