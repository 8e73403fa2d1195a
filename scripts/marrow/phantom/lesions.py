"""Disease in the marrow: focal lesions, diffuse disease, and treated (cold) lesions.

A patient's disease is placed once, in body space, so that repeated scans show the same lesions. Focal lesions are added
until they fill the configured share of bone. Diffuse disease is a smooth random field above a threshold, reduced in
yellow marrow because the disease spreads from red marrow. Treated lesions are not in the lesion mask.
"""

from dataclasses import dataclass

import numpy as np

from marrow.phantom.bony import BoneVoxels
from marrow.phantom.random_fields import Waves, waves
from marrow.phantom.shapes import Coordinates, Ellipsoid, Field, vector

MOST_LESIONS = 80
SMALLEST_RADIUS_MM = 3.0
LARGEST_RADIUS_MM = 28.0
_PATCH_EDGE = 0.8
_YELLOW_PENALTY = 2.2

Spots = tuple[tuple[Ellipsoid, float], ...]  # each an ellipsoid with a strength


@dataclass(frozen=True)
class Difficulty:
    """Amount and contrast of disease, from the config.

    Attributes:
        contrast: 1 gives lesions the full signal of active disease, 0 that of the marrow around them.
        focal_fraction: share of bone that focal lesions fill.
        diffuse_fraction: share of bone that diffuse patches fill.
        diffuse_with_focal: how often diffuse disease has focal lesions on top.
    """

    contrast: float
    focal_fraction: float
    diffuse_fraction: float
    diffuse_with_focal: float


@dataclass(frozen=True)
class Patches:
    """Diffuse disease: the region where a field exceeds a threshold."""

    field: Waves
    threshold: float

    def share(self, bone: BoneVoxels) -> Field:
        """The share of disease in each bone voxel."""
        return np.clip(np.float32(0.5) + (_spread(self.field, bone) - self.threshold) / np.float32(_PATCH_EDGE), 0, 1)


@dataclass(frozen=True)
class Disease:
    """The disease of a patient: active (focal) and treated (cold) lesions, diffuse disease, `Difficulty.contrast`."""

    focal: Spots
    cold: Spots
    patches: Patches | None
    contrast: float


def plan(disease: str, bone: BoneVoxels, voxel_mm: float, difficulty: Difficulty, draw: np.random.Generator) -> Disease:
    """Draw the disease of a patient; `bone` is the skeleton in neutral posture, sampled every `voxel_mm`."""
    patches, focal, cold = None, (), ()
    if disease == "diffuse":
        patches = _patches(bone, difficulty.diffuse_fraction, draw)
    if disease == "focal" or (disease == "diffuse" and draw.random() < difficulty.diffuse_with_focal):
        focal = _spots(bone, voxel_mm, difficulty.focal_fraction, draw)
    if disease == "inactive":
        cold = _spots(bone, voxel_mm, difficulty.focal_fraction, draw)
    return Disease(focal, cold, patches, difficulty.contrast)


def spots_share(spots: Spots, bone: BoneVoxels, voxel_mm: float) -> tuple[Field, Field]:
    """The share of spots in each bone voxel, and the strength of the spot there: two arrays `(voxels,)`."""
    share, strength = np.zeros_like(bone.share), np.zeros_like(bone.share)
    for spot, spot_strength in spots:
        near = _within_box(spot, bone.at, voxel_mm)
        x, y, z = (axis[near] for axis in bone.at)
        inside = np.clip(0.5 - spot.distance((x, y, z)) / np.float32(voxel_mm), 0, 1)
        larger = inside > share[near]
        share[near] = np.where(larger, inside, share[near])
        strength[near] = np.where(larger, np.float32(spot_strength), strength[near])
    return share, strength


def _spots(bone: BoneVoxels, voxel_mm: float, fraction: float, draw: np.random.Generator) -> Spots:
    """Ellipsoids around random marrow voxels, mostly of red marrow, until they fill a fraction of the labelled bone."""
    labelled = bone.labels > 0
    weight = np.where(labelled, bone.marrow * (0.02 + bone.red**1.5), 0).astype(np.float64)
    weight /= weight.sum()
    target = fraction * float(bone.share[labelled].sum())
    smallest = max(SMALLEST_RADIUS_MM, voxel_mm * 1.1)
    # About half of a lesion is outside bone; with this radius 30 lesions are enough.
    enough = (2 * 3 * target * voxel_mm**3 / (4 * np.pi * 30)) ** (1 / 3)
    typical = max(float(draw.uniform(6, 15)), enough)
    filled, spots = np.zeros_like(bone.share), []
    while float(filled[labelled].sum()) < target and len(spots) < MOST_LESIONS:
        place = int(draw.choice(len(weight), p=weight))
        missing = (target - float(filled[labelled].sum())) * voxel_mm**3
        largest = max(1.1 * (3 * missing / (4 * np.pi)) ** (1 / 3), smallest)
        radius = float(np.clip(draw.lognormal(np.log(typical), 0.35), smallest, min(largest, LARGEST_RADIUS_MM)))
        radii = vector(radius * np.exp(draw.normal(0, 0.15, 3)))
        spot = (Ellipsoid(vector([axis[place] for axis in bone.at]), radii, vector(draw.uniform(0, 180, 3))), 1.0)
        share, _ = spots_share((spot,), bone, voxel_mm)
        filled = np.maximum(filled, share * bone.share)
        spots.append((spot[0], float(np.clip(draw.normal(1, 0.12), 0.7, 1.3))))
    return tuple(spots)


def _patches(bone: BoneVoxels, fraction: float, draw: np.random.Generator) -> Patches:
    field = waves(draw, 22, 90)
    labelled = bone.labels > 0
    return Patches(field, float(np.quantile(_spread(field, bone)[labelled], 1 - fraction)))


def _spread(field: Waves, bone: BoneVoxels) -> Field:
    return np.asarray(field.at(bone.at) - _YELLOW_PENALTY * (1 - bone.red), np.float32)


def _within_box(spot: Ellipsoid, at: Coordinates, margin: float) -> np.ndarray:
    low, high = spot.box()
    near = np.ones(at[0].shape, bool)
    for axis, below, above in zip(at, low, high, strict=True):
        near &= (axis > below - margin) & (axis < above + margin)
    return np.flatnonzero(near)
