"""From composed volumes to standardised ones, through files: what Marrow adds to the bare resampling.

The floor reads, resamples and writes the same volumes with SimpleITK and nothing else; both sides write uncompressed
NIfTI. `python -m benchmarks.chain FOLDER` runs Marrow's side once, so that its memory can be measured.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk

import find_landmarks
import fit_standard
import resample_scan
import standardise_scan
from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from benchmarks.process import run_measured
from benchmarks.volumes import body_mask, made_up_volume
from marrow.imaging.grid import Grid
from marrow.workflow.parse import REPOSITORY

REPEATS = 5
SPACING_MM = 2.0
PERCENTILES = [1.0, *(float(decile) for decile in range(10, 100, 10)), 99.0]

# Voxels in millimetres (x, y, z) as acquired; every contrast covers 500 x 360 x 1800 mm.
ACQUIRED = {
    "fat": (1.5625, 1.5625, 5.0),
    "water": (1.5625, 1.5625, 5.0),
    "b50": (2.5, 2.5, 5.0),
    "b900": (2.5, 2.5, 5.0),
}
COVERED_MM = (500.0, 360.0, 1800.0)


@dataclass(frozen=True)
class Files:
    """Where one scan's volumes lie, stage after stage."""

    folder: Path

    def of(self, stage: str) -> list[Path]:
        """One path per contrast."""
        return [self.folder / f"{stage}-{contrast}.nii" for contrast in ACQUIRED]

    def body(self, stage: str) -> Path:
        """The body mask."""
        return self.folder / f"{stage}-body.nii"


def run_chain(files: Files) -> None:
    """Marrow's side: resample the scan, find the landmarks of each contrast, standardise the scan."""
    _resample(files)
    _find_landmarks(files)
    standardise_scan.main(
        resampled=files.of("resampled"),
        body_resampled=files.body("resampled"),
        standards=files.of("standard"),
        normalised=files.of("normalised"),
        contrasts=list(ACQUIRED),
        standardised=list(ACQUIRED),
        threads=os.cpu_count() or 1,  # the floor's resampling takes all cores, too
    )


def run_floor(files: Files) -> None:
    """The other side: read, resample and write each volume."""
    grid = Grid.in_file(files.of("volumes")[list(ACQUIRED).index("water")]).isotropic(SPACING_MM)
    for source, target in zip(files.of("volumes"), files.of("floor"), strict=True):
        image = sitk.ReadImage(str(source))
        sitk.WriteImage(
            sitk.Resample(
                image, grid.size, sitk.Transform(), sitk.sitkLinear, grid.origin, grid.spacing, grid.direction, 0.0
            ),
            str(target),
        )


def measure_chain() -> list[Measurement]:
    """Time both sides in turns, then run Marrow's once more in a process of its own for the memory."""
    with TemporaryDirectory() as place:
        files = Files(Path(place))
        prepare(files)
        seconds, reference = side_by_side(lambda: run_chain(files), lambda: run_floor(files), REPEATS)
        usage, _ = run_measured([sys.executable, "-m", "benchmarks.chain", place], REPOSITORY)
    return [
        Measurement("standardise_chain", seconds, "s", reference, seconds / reference),
        Measurement("standardise_chain_memory", usage.peak_gb, "GB"),
    ]


def prepare(files: Files) -> None:
    """Write the volumes as acquired, and the standard that a run on them gives."""
    for index, (path, spacing) in enumerate(zip(files.of("volumes"), ACQUIRED.values(), strict=True)):
        shape = [round(length / step) for length, step in zip(COVERED_MM, spacing, strict=True)][::-1]
        _write(made_up_volume(shape, seed=index), spacing, path)
        if index == 0:
            _write(body_mask(shape).astype(np.uint8), spacing, files.body("volumes"))
    _resample(files)
    _find_landmarks(files)
    for contrast, source, target in zip(ACQUIRED, files.of("landmarks"), files.of("standard"), strict=True):
        fit_standard.main(landmarks=[source], frozen=[], standard=target, scale=contrast, scans=["scan"])


def _write(array: np.ndarray, spacing: tuple[float, float, float], path: Path) -> None:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin([step / 2 for step in spacing])
    sitk.WriteImage(image, str(path))


def _resample(files: Files) -> None:
    resample_scan.main(
        volumes=files.of("volumes"),
        body=files.body("volumes"),
        resampled=files.of("resampled"),
        body_resampled=files.body("resampled"),
        contrasts=list(ACQUIRED),
        grid_of="water",
        spacing_mm=SPACING_MM,
        smooth_above_ratio=1.5,
    )


def _find_landmarks(files: Files) -> None:
    find_landmarks.main(
        resampled=files.of("resampled"),
        body_resampled=files.body("resampled"),
        landmarks=files.of("landmarks"),
        contrasts=list(ACQUIRED),
        percentiles=PERCENTILES,
        output_range=[1.0, 100.0],
    )


CHAIN = Benchmark(
    "standardise_chain",
    "The four contrasts of a whole-body scan from file to file: resample, find landmarks, standardise, against "
    "SimpleITK's bare read, resample and write of the same volumes. The ratio is Marrow's time over the floor's.",
    {
        "standardise_chain": Goal("ratio", "most", 1.5, "at most 1.5 times the floor"),
        "standardise_chain_memory": Goal("value", "most", 2.0, "at most 2 GB"),
    },
    measure_chain,
)


if __name__ == "__main__":
    run_chain(Files(Path(sys.argv[1])))
