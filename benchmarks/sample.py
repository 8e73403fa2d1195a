"""The bag of a whole-body scan, from the standardised volume and the bones' map to Parquet.

The floor reads the same two files and passes over the map once. `python -m benchmarks.sample FOLDER` samples once, so
that its memory can be measured.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

import sample_bag
from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.process import run_measured
from benchmarks.volumes import FULL, made_up_volume
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.imaging.volume import read_volume, voxels, write_volume
from marrow.workflow.parse import REPOSITORY

REPEATS = 5
SPACING_MM = 2.0
SETTINGS = {"patch_mm": 32, "stride_mm": 16, "margin_mm": 8, "bone_share": 0.5, "height": False}
# Two rods along the body hold as many patches as a skeleton, about 800.
_CENTRES, _RADIUS = ((90, 75), (90, 175)), 10


def measure() -> list[Measurement]:
    """Seconds against the floor, in this process, and the memory of a process that does nothing else."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        prepare(folder)
        seconds, floor = side_by_side(lambda: sample(folder), lambda: read(folder), REPEATS)
        command = [sys.executable, "-m", "benchmarks.sample", place]
        usage, _ = run_measured(command, REPOSITORY)
    return [
        Measurement("bag_sample", seconds, "s", floor, seconds / floor),
        Measurement("bag_sample_memory", usage.peak_gb, "GB"),
    ]


def prepare(folder: Path) -> None:
    """Write the volume and the bones' map."""
    for name, array in {"b900": made_up_volume(FULL, seed=0), "bones": made_up_bones(FULL)}.items():
        image = sitk.GetImageFromArray(array)
        image.SetSpacing([SPACING_MM] * 3)
        write_volume(image, folder / f"{name}.nii")


def made_up_bones(shape: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    """Every bone of the table as a piece of a rod, (z, y, x)."""
    _, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    labels = np.zeros(shape, np.uint8)
    pieces = np.array_split(np.arange(len(read_bones())) + 1, len(_CENTRES))
    for (row, column), bones in zip(_CENTRES, pieces, strict=True):
        inside = (y[0] - row) ** 2 + (x[0] - column) ** 2 <= _RADIUS**2
        labels[:, inside] = np.sort(np.resize(bones, shape[0]))[:, None]
    return labels


def sample(folder: Path) -> None:
    """Sample the bag as the rule does."""
    sample_bag.main(
        volumes=[folder / "b900.nii"],
        bones=folder / "bones.nii",
        lesions=[],
        bone_table=DEFAULT_TABLE,
        bag=folder / "bag.parquet",
        scan="scan",
        patient="patient",
        contrasts=["b900"],
        settings=SETTINGS,
    )


def read(folder: Path) -> None:
    """The floor."""
    read_volume(folder / "b900.nii")
    image = read_volume(folder / "bones.nii")
    np.count_nonzero(voxels(image))


SAMPLE = Benchmark(
    "bag_sample",
    "The bag of a whole-body scan (250 x 180 x 900 voxels, about 800 patches of 24^3 with their margins), from "
    "file to file, against reading the volume and the bones' map and one pass over the map. The ratio is Marrow's time "
    "over the floor's; memory is that of a process of its own.",
    {
        "bag_sample": Goal("value", "most", 3.0, "at most 3 s"),
        "bag_sample_memory": Goal("value", "most", 1.5, "at most 1.5 GB"),
    },
    measure,
)

if __name__ == "__main__":
    sample(Path(sys.argv[1]))
