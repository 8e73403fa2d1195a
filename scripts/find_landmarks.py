"""Rule find_landmarks: the landmarks of one training scan, from which the standard scale of each contrast is fitted."""

from pathlib import Path

from marrow.errors import ScanStopped
from marrow.imaging.nifti import map_voxels
from marrow.imaging.standard.landmarks import find_landmarks
from marrow.imaging.standard.standard_scale import ScanLandmarks


def main(
    *,
    resampled: list[Path],
    body_resampled: Path,
    landmarks: list[Path],
    contrasts: list[str],
    percentiles: list[float],
    output_range: list[float],
) -> None:
    """Find the landmarks of a scan.

    Args:
        resampled: one image per contrast, all on one grid.
        body_resampled: the body on the same grid.
        landmarks: where those of each contrast go, as JSON.
        contrasts: the names of the images.
        percentiles: which percentiles of the body's intensities are landmarks, ascending.
        output_range: where the outer two lie on the standard scale.
    """
    body = map_voxels(body_resampled) != 0
    for contrast, source, target in zip(contrasts, resampled, landmarks, strict=True):
        try:
            found = find_landmarks(map_voxels(source), body, percentiles)
        except ScanStopped as stopped:
            raise ScanStopped(stopped.check, f"{contrast}: {stopped}") from None
        low, high = output_range
        ScanLandmarks(tuple(percentiles), (low, high), tuple(found.tolist())).write(target)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
