"""Rule find_landmarks: what one contrast of one training scan says about the standard scale."""

from pathlib import Path

from marrow.landmarks import find_landmarks
from marrow.nifti import map_voxels
from marrow.standard_scale import ScanLandmarks


def main(
    *, resampled: Path, body_resampled: Path, landmarks: Path, percentiles: list[float], output_range: list[float]
) -> None:
    """Find the landmarks of an image.

    Args:
        resampled: the image.
        body_resampled: the body on the same grid.
        landmarks: where they go, as JSON.
        percentiles: which percentiles of the body's intensities are landmarks, ascending.
        output_range: where the outer two lie on the standard scale.
    """
    found = find_landmarks(map_voxels(resampled), map_voxels(body_resampled) != 0, percentiles)
    ScanLandmarks.of(found, percentiles, output_range).write(landmarks)


if __name__ == "__main__":
    from marrow.stage import run

    run(main)
