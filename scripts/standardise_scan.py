"""Rule standardise_scan: all contrasts of a scan on the standard scale; those with units keep their own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.nifti import map_voxels, write_slabs
from marrow.imaging.standard.standard_scale import StandardScale
from marrow.imaging.standard.standardise import body_slabs, standardised_slabs


def main(
    *,
    resampled: list[Path],
    body_resampled: Path,
    standards: list[Path],
    normalised: list[Path],
    contrasts: list[str],
    standardised: list[str],
    threads: int = 1,
) -> None:
    """Standardise a scan.

    Args:
        resampled: one image per contrast, all on one grid.
        body_resampled: the body on the same grid.
        standards: the standard scale of each contrast in `standardised`, in the same order.
        normalised: where the images go; 0 outside the body.
        contrasts: the names of the images.
        standardised: those that are brought onto a standard scale; of the others only the background is set to 0.
        threads: contrasts at a time; numpy lets go of the interpreter in all that takes long.
    """
    body = map_voxels(body_resampled) != 0
    grid = Grid.in_file(body_resampled)
    scales = dict(zip(standardised, map(StandardScale.read, standards), strict=True))

    def standardise(contrast: str, source: Path, target: Path) -> None:
        try:
            volume, scale = map_voxels(source), scales.get(contrast)
            slabs = standardised_slabs(volume, body, scale) if scale else body_slabs(volume, body)
        except ScanStopped as stopped:
            raise ScanStopped(stopped.check, f"{contrast}: {stopped}") from None
        write_slabs(slabs, np.float32, grid, target)

    with ThreadPoolExecutor(threads) as pool:
        jobs = [pool.submit(standardise, *job) for job in zip(contrasts, resampled, normalised, strict=True)]
    for job in jobs:
        job.result()


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
