"""Rule resample_scan: resamples all contrasts of a scan and its body mask to one isotropic grid."""

import logging
from pathlib import Path

import numpy as np

from marrow.imaging.grid import Grid, acquired_part, resample_linear, resample_nearest
from marrow.imaging.nifti import map_volume, write_voxels
from marrow.imaging.volume import voxels

_log = logging.getLogger(__name__)

# Fields of view differ by some slices in most protocols; if a contrast lacks more of the body, there is a warning.
WARN_ABOVE = 0.05


def main(
    *,
    volumes: list[Path],
    body: Path,
    resampled: list[Path],
    body_resampled: Path,
    contrasts: list[str],
    grid_of: str,
    spacing_mm: float,
    smooth_above_ratio: float,
) -> None:
    """Resample a scan.

    Args:
        volumes: one image per contrast, each on its own grid.
        body: a mask, on any grid.
        resampled: the images to write, in the same order; 0 where a contrast was not acquired.
        body_resampled: the mask to write: the part of the body in which every contrast was acquired, because the zeros
            outside a smaller field of view are not intensities of the body.
        contrasts: the names of the images.
        grid_of: the one that gives the grid.
        spacing_mm: edge of the grid's cubes.
        smooth_above_ratio: an axis is smoothed first if its voxels grow by more than this ratio.
    """
    grid = Grid.in_file(volumes[contrasts.index(grid_of)]).isotropic(spacing_mm)
    mask = resample_nearest(map_volume(body), grid)
    inside = voxels(mask) != 0
    for contrast, source, target in zip(contrasts, volumes, resampled, strict=True):
        image = map_volume(source)
        on_grid = resample_linear(image, grid, smooth_above_ratio)
        write_voxels(voxels(on_grid), grid, target)
        if Grid.of(image).covers(grid):
            continue
        acquired = inside & acquired_part(image, grid)
        missing_share = 1 - np.count_nonzero(acquired) / max(1, np.count_nonzero(inside))
        if missing_share > WARN_ABOVE:
            _log.warning(
                "%s was not acquired in %.0f%% of the body; all contrasts lose that part", contrast, 100 * missing_share
            )
        inside = acquired
    write_voxels(inside.astype(np.uint8), grid, body_resampled)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
