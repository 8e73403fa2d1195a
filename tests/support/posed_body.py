"""A phantom patient at a coarse resolution, in any posture, with the true midplane."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from marrow.bones.table import read_bones
from marrow.phantom.anatomy import Person, person, render
from marrow.phantom.canvas import VoxelGrid
from marrow.phantom.habitus import KNOTS, lie_down
from marrow.phantom.posture import Posture
from marrow.phantom.protocol import coverage
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import difficulty

SETTINGS = {
    "seed": 11,
    "size": "mini",
    "lesion_contrast": 1.0,
    "lesion_fraction": 0.05,
    "diffuse_fraction": 0.4,
    "diffuse_with_focal": 0.0,
}
BONES = read_bones()


@dataclass(frozen=True)
class PosedBody:
    """Images on one grid, and how the body lies on it."""

    water: sitk.Image
    body: sitk.Image
    labels: np.ndarray
    lesions: np.ndarray
    posture: Posture

    def midplane_points(self) -> np.ndarray:
        """Points of body x = 0, (points, 3), from the knees to the crown."""
        z, y = np.meshgrid(np.arange(-380, 831, 20.0), [-50.0, 0.0, 50.0], indexing="ij")
        return self.posture.to_scanner(np.stack([0 * z.ravel(), y.ravel(), z.ravel()], axis=1))


@cache
def patient(disease: str) -> Person:
    """The one patient of a class; planning the disease takes longer than the rest."""
    row = SimulatedScan(f"{disease}-01-1", f"{disease}-01", 1, disease, disease, "train", "north", "m", 60, "")
    return person(SETTINGS["seed"], row, BONES, difficulty(SETTINGS))


@cache
def posed_body(
    disease: str = "healthy",
    mm: float = 8.0,
    turn: float = 0,
    head_turn: float = 0,
    slant: float = 0,
    scoliosis_mm: float = 0,
    shift: tuple[float, float, float] = (0, 0, 0),
) -> PosedBody:
    """A body turned and slanted by degrees, bent and shifted by millimetres, on voxels of `mm`."""
    who = patient(disease)
    lying = lie_down(who.build, SETTINGS["seed"], f"{disease}-01-1")
    low, high = coverage(lying)
    z = np.array(KNOTS)
    spine = np.clip((z - 80) / 520, 0, 1)
    bend = scoliosis_mm * np.sin(2 * np.pi * spine) * (spine < 1) + np.tan(np.deg2rad(slant)) * z
    turned = turn + head_turn * np.clip((z - 590) / 90, 0, 1)
    posture = replace(
        lying,
        sideways=tuple(lying.sideways + bend),
        turn=tuple(lying.turn + turned),
        shift=tuple(np.add(lying.shift, shift)),
    )
    size = (int(544 / mm), int(432 / mm), int((high - low) / mm) + 1)
    grid = VoxelGrid((-mm * (size[0] - 1) / 2, -mm * (size[1] - 1) / 2, low), (mm,) * 3, size)
    anatomy = render(who, posture, grid, ("fat", "water"), BONES)
    inside = ndimage.binary_closing(anatomy.signals.max(axis=0) > 0.12)
    inside = np.array([ndimage.binary_fill_holes(part) for part in inside]) | (anatomy.labels > 0)
    return PosedBody(
        grid.image(anatomy.signals[1] * 600),
        grid.image(inside.astype(np.uint8)),
        anatomy.labels,
        anatomy.lesions > 0,
        posture,
    )
