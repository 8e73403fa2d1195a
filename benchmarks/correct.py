"""Registration of the atlas and correction of the bones for a whole-body scan at 2 mm, from file to file.

The scan is a phantom's body without its scanner. Its raw bones are the truth with planted errors: lesions lost, a
bone missing, a bone on the wrong side, holes and crumbs. The atlas is another patient, and the surface's model is
learned on a third. Each stage runs once in a process of its own, as in the workflow:
`python -m benchmarks.correct STAGE FOLDER`.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

import build_atlas
import correct_bones
import learn_surface
import register_atlas
from benchmarks.measurement import Benchmark, Goal, Measurement
from benchmarks.process import run_measured
from benchmarks.volumes import phantom_anatomy
from marrow.bones.scores.overlap import dice
from marrow.bones.table import DEFAULT_TABLE, Bone, read_bones
from marrow.imaging.volume import intensities, read_volume, write_volume
from marrow.phantom.anatomy import Anatomy
from marrow.planning.bones import SHEET, filled
from marrow.planning.config import complete, read_schema
from marrow.workflow.parse import REPOSITORY

THREADS = 2
_SEED = 5
# Islands per voxel, and the share of the bone's voxels that are holes.
_CRUMBS = 2e-6
_HOLES = 0.02
_CONTRASTS = ("fat", "water")
# What signal a voxel needs to be body, in the phantom's units; air has none.
_LEAST_SIGNAL = 0.12


def measure() -> list[Measurement]:
    """Each stage in a process of its own: seconds and peak memory, and what the correction gains in Dice."""
    with TemporaryDirectory() as place:
        usage = {
            stage: run_measured([sys.executable, "-m", "benchmarks.correct", stage, place], REPOSITORY)
            for stage in ("prepare", "register", "correct")
        }
        before, after = usage["correct"][1].split()[-2:]
    register, correct = usage["register"][0], usage["correct"][0]
    return [
        Measurement("segment_correct", register.seconds + correct.seconds, "s"),
        Measurement("segment_correct_registration", register.seconds, "s"),
        Measurement("segment_correct_memory", max(register.peak_gb, correct.peak_gb), "GB"),
        Measurement("segment_correct_dice", float(after), "", float(before), float(after) - float(before)),
    ]


def prepare(folder: Path) -> None:
    """Write the scan with its planted errors, the atlas made of another patient, and a third one's surface."""
    bones = read_bones()
    for name, patient, size in (
        ("scan", "focal-01", "full"),
        ("other", "healthy-01", "half"),
        ("teacher", "focal-02", "full"),
    ):
        anatomy = phantom_anatomy(patient, _SEED, size, _CONTRASTS)
        inside = _body(anatomy)
        grid = anatomy.grid
        for contrast, signal in zip(_CONTRASTS, anatomy.signals, strict=True):
            write_volume(grid.image(signal * inside * np.float32(600)), folder / f"{name}-{contrast}.nii")
        write_volume(grid.image(inside.astype(np.uint8)), folder / f"{name}-body.nii")
        write_volume(grid.image(anatomy.labels), folder / f"{name}-bones.nii")
        raw = planted(anatomy.labels, inside, anatomy.lesions > 0, bones)
        write_volume(grid.image(raw), folder / f"{name}-raw.nii")
    build_atlas.main(
        waters=[folder / "other-water.nii"],
        bodies=[folder / "other-body.nii"],
        annotations=[folder / "other-bones.nii"],
        bone_table=DEFAULT_TABLE,
        template=folder / "template.nii",
        atlas_bones=folder / "atlas.nii",
        agreement=folder / "agreement.nii",
        settings=atlas_settings(),
        threads=THREADS,
    )
    register(folder, "teacher")
    learn_surface.main(
        volumes=_volumes(folder, "teacher"),
        bodies=[folder / "teacher-body.nii"],
        raw_bones=[folder / "teacher-raw.nii"],
        atlases=[folder / "teacher-atlas.nii"],
        supports=[folder / "teacher-support.nii"],
        annotations=[folder / "teacher-bones.nii"],
        bone_table=DEFAULT_TABLE,
        surface=folder / "surface.npz",
        contrasts=list(_CONTRASTS),
        roles=list(_CONTRASTS),
        settings=_settings()["correction"]["surface"],
        threads=THREADS,
    )


def register(folder: Path, name: str = "scan") -> None:
    """The atlas onto a scan."""
    register_atlas.main(
        water=folder / f"{name}-water.nii",
        body_resampled=folder / f"{name}-body.nii",
        template=folder / "template.nii",
        atlas_bones=folder / "atlas.nii",
        agreement=folder / "agreement.nii",
        atlas=folder / f"{name}-atlas.nii",
        support=folder / f"{name}-support.nii",
        settings=atlas_settings(),
        threads=THREADS,
    )


def correct(folder: Path) -> None:
    """The bones of the scan, corrected."""
    correct_bones.main(
        raw_bones=folder / "scan-raw.nii",
        water=folder / "scan-water.nii",
        body_resampled=folder / "scan-body.nii",
        atlas=[folder / "scan-atlas.nii"],
        support=[folder / "scan-support.nii"],
        volumes=_volumes(folder, "scan"),
        surface=[folder / "surface.npz"],
        bone_table=DEFAULT_TABLE,
        corrected=folder / "corrected.nii",
        dilated=folder / "dilated.nii",
        steps=folder / "steps.npz",
        corrections=folder / "corrections.json",
        contrasts=list(_CONTRASTS),
        settings=_settings()["correction"],
    )


def planted(
    truth: npt.NDArray[np.uint8], body: npt.NDArray[np.bool_], lesions: npt.NDArray[np.bool_], bones: list[Bone]
) -> npt.NDArray[np.uint8]:
    """Labels `(z, y, x)` with every kind of error: what a lesion takes, a swap, a missing bone, holes and crumbs."""
    draw = np.random.default_rng(0)
    raw = np.where(lesions, 0, truth).astype(np.uint8)
    lateral = [bone for bone in bones if bone.side == "left"]
    first, last = lateral[0], lateral[-1]
    raw[raw == first.id] = 0
    raw[raw == last.id] = last.mirror
    raw[draw.random(raw.shape, dtype=np.float32) < _HOLES] = 0
    crumbs = draw.random(raw.shape, dtype=np.float32) < _CRUMBS
    islands = np.asarray(ndimage.binary_dilation(crumbs, iterations=5), bool) & body & (raw == 0)
    raw[islands] = draw.integers(1, len(bones) + 1)
    return raw


def mean_dice(one: Path, other: Path) -> float:
    """Over all bones."""
    a, b = (intensities(read_volume(path)) for path in (one, other))
    return float(np.mean([dice(a == bone.id, b == bone.id) or 0.0 for bone in read_bones()]))


def _volumes(folder: Path, name: str) -> list[Path]:
    return [folder / f"{name}-{contrast}.nii" for contrast in _CONTRASTS]


def _body(anatomy: Anatomy) -> npt.NDArray[np.bool_]:
    """Where there is signal, holes in axial slices filled, `(z, y, x)`."""
    seen = np.maximum(*anatomy.signals) > _LEAST_SIGNAL
    return np.stack([np.asarray(ndimage.binary_fill_holes(part), bool) for part in seen]) | (anatomy.labels > 0)


def atlas_settings() -> dict[str, Any]:
    """How the atlas of a sample sheet is built and registered."""
    return filled(_settings()["atlas"], SHEET)


def _settings() -> dict[str, Any]:
    """The section `bones` as the config leaves it."""
    return complete({}, read_schema(REPOSITORY / "schemas" / "config.schema.yaml"))["bones"]


CORRECT = Benchmark(
    "segment_correct",
    "A whole-body scan at 2 mm (about 250 x 180 x 650 voxels), file to file: registration of the atlas and correction "
    "of the bones, of which a swapped thigh, a missing bone, lesions, holes and crumbs were planted, on two cores. "
    "Memory is that of the larger stage; Dice is the mean over the bones after the correction, against that before "
    "it, and the ratio is what it gains.",
    {
        "segment_correct": Goal("value", "most", 60, "at most 60 s"),
        "segment_correct_registration": Goal("value", "most", 60, "within the above"),
        "segment_correct_memory": Goal("value", "most", 4.0, "at most 4 GB"),
        "segment_correct_dice": Goal("ratio", "least", 0.0, "higher than before"),
    },
    measure,
)

_STAGES = {"prepare": prepare, "register": register, "correct": correct}

if __name__ == "__main__":
    _folder = Path(sys.argv[2])
    _STAGES[sys.argv[1]](_folder)
    if sys.argv[1] == "correct":
        _truth = _folder / "scan-bones.nii"
        sys.stdout.write(
            f"{mean_dice(_folder / 'scan-raw.nii', _truth)} {mean_dice(_folder / 'corrected.nii', _truth)}\n"
        )
