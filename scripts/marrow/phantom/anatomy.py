"""A patient's body on a grid: the signal of every contrast, the label map of bones and the mask of lesions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import numpy.typing as npt

from marrow.bones.table import Bone
from marrow.phantom import body, head, organs, skeleton_axial, skeleton_limbs
from marrow.phantom.bony import BoneVoxels, bone_voxels
from marrow.phantom.canvas import Canvas, VoxelGrid
from marrow.phantom.habitus import Habitus, habitus
from marrow.phantom.lesions import Difficulty, Disease, plan, spots_share
from marrow.phantom.parts import BonePart
from marrow.phantom.posture import Posture
from marrow.phantom.random_fields import stream, waves
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.shapes import Field
from marrow.phantom.tissue import Palette, palette

# Lesions are placed in a coarse body in a neutral posture, which is the same for every scan of the patient.
PLAN_MM = 4.0
_PLAN_GRID = VoxelGrid((-260.0, -120.0, -470.0), (PLAN_MM, PLAN_MM, PLAN_MM), (131, 66, 335))
_AT_REST = Posture((1.0, 1.0, 1.0), (-1000.0, 1000.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0, 0.0))
_TISSUE_SPREAD = 0.06
_TEXTURE = ((5.0, 0.035), (16.0, 0.05))


@dataclass(frozen=True)
class Person:
    """What is the same in all scans of a patient."""

    seed: int
    patient: str
    build: Habitus
    disease: Disease


@dataclass(frozen=True)
class Anatomy:
    """A body in its posture in the scanner.

    Signals are `(contrasts, z, y, x)`, free of noise; labels (bone ids) and lesions (1 in active disease) `(z, y, x)`.
    """

    grid: VoxelGrid
    signals: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]
    lesions: npt.NDArray[np.uint8]


def person(seed: int, scan: SimulatedScan, bones: Sequence[Bone], difficulty: Difficulty) -> Person:
    """The patient of a roster row: build and disease."""
    build = habitus(seed, scan.patient, scan.sex, scan.age)
    at_rest = Canvas(_PLAN_GRID, _AT_REST, Palette((), {}))
    bone = bone_voxels(at_rest, skeleton(build), _ids(bones))
    disease = plan(scan.disease, bone, PLAN_MM, difficulty, stream(seed, scan.patient, "disease"))
    return Person(seed, scan.patient, build, disease)


def render(
    person: Person, posture: Posture, grid: VoxelGrid, contrasts: Sequence[str], bones: Sequence[Bone]
) -> Anatomy:
    """Paint a patient in a posture on a grid."""
    tissues = palette(tuple(contrasts), _TISSUE_SPREAD, stream(person.seed, person.patient, "tissue"))
    canvas = Canvas(grid, posture, tissues)
    inside = organs.layers(person.build, stream(person.seed, person.patient, "organs"))
    for layer in chain(body.layers(person.build), inside, head.layers()):
        canvas.paint(layer)
    bone = bone_voxels(canvas, skeleton(person.build), _ids(bones))
    active = _fill_bones(canvas, bone, person)
    _texture(canvas, stream(person.seed, person.patient, "texture"))
    labels, lesions = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    labels.reshape(-1)[bone.index] = bone.labels
    lesions.reshape(-1)[bone.index] = (active > 0.5) & (bone.labels > 0)
    return Anatomy(grid, canvas.signals, labels, lesions)


def _fill_bones(canvas: Canvas, bone: BoneVoxels, person: Person) -> Field:
    """Paint cortex, marrow and disease; returns the share of active disease in each bone voxel."""
    step = float(np.prod(canvas.grid.spacing)) ** (1 / 3)
    contrast = np.float32(person.disease.contrast)
    islands = waves(stream(person.seed, person.patient, "marrow"), 12, 60).at(bone.at)
    red = np.clip(bone.red * (1 + np.float32(0.16) * islands) + np.float32(0.02) * islands, 0, 1)
    focal, strength = spots_share(person.disease.focal, bone, step)
    cold, cold_strength = spots_share(person.disease.cold, bone, step)
    diffuse = np.zeros_like(red) if person.disease.patches is None else person.disease.patches.share(bone)
    # Diffuse disease replaces a part of the marrow, unevenly; a focal lesion replaces all of it.
    active = np.maximum(focal * strength, np.float32(0.5) * (1 + np.float32(0.25) * islands) * diffuse) * contrast
    treated_share = np.clip(cold * cold_strength * contrast, 0, 1)
    # A lesion erodes the shell of the bone it grows in.
    marrow_share = np.maximum(bone.marrow, focal * bone.share * np.minimum(contrast, 1))
    for channel, signals in enumerate(canvas.signals):
        cortex, red_marrow, yellow, lesion, treated = (
            canvas.palette[tissue][channel] for tissue in ("cortex", "red_marrow", "yellow_marrow", "lesion", "treated")
        )
        marrow = yellow + red * (red_marrow - yellow)
        marrow = marrow + treated_share * (treated - marrow)
        marrow = np.maximum(marrow + active * (lesion - marrow), 0)
        flat = signals.reshape(-1)
        shell = bone.share - marrow_share
        flat[bone.index] = flat[bone.index] * (1 - bone.share) + shell * cortex + marrow_share * marrow
    return np.maximum(focal, diffuse)


def _texture(canvas: Canvas, draw: np.random.Generator) -> None:
    """Make tissue inhomogeneous by smooth multiplicative noise at two scales."""
    for scale_mm, strength in _TEXTURE:
        coarse_shape = [int(n * canvas.grid.spacing[0] / scale_mm) + 2 for n in canvas.grid.shape]
        coarse = draw.standard_normal(coarse_shape, dtype=np.float32)
        canvas.signals *= 1 + strength * stretched(coarse, canvas.grid.shape)


def stretched(coarse: Field, shape: tuple[int, ...]) -> Field:
    """A field interpolated linearly on a grid of another `shape` over the same box, constant outside its ends.

    Equal to `scipy.ndimage.zoom` up to rounding, in a third of the time and without importing scipy.
    """
    result = coarse.astype(np.float64)
    for axis, (count, size) in enumerate(zip(coarse.shape, shape, strict=True)):
        position = np.clip((np.arange(size) + 0.5) * (count / size) - 0.5, 0, count - 1)
        low = np.minimum(position.astype(np.intp), count - 2)
        share = (position - low).reshape([-1 if other == axis else 1 for other in range(coarse.ndim)])
        lower = result.take(low, axis)
        lower *= 1 - share
        result = result.take(low + 1, axis)
        result *= share
        result += lower
    return result.astype(np.float32)


def skeleton(build: Habitus) -> list[BonePart]:
    """All solids of a patient's bones in body space, with the patient's share of red marrow.

    Bones that the table does not have (forearm, hand, shin and kneecap) are painted too, and get no label.
    """
    parts = [*skeleton_axial.parts(build), *skeleton_limbs.parts(build)]
    return [replace(part, red=part.red * build.red) for part in parts]


def _ids(bones: Sequence[Bone]) -> dict[str, int]:
    return {bone.name: bone.id for bone in bones}
