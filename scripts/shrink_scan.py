"""Rule shrink_scan: reduces a scan's volume and bones for the viewer in the report."""

from pathlib import Path

from marrow.imaging.face import without_face
from marrow.imaging.volume import read_volume
from marrow.report.viewer.volumes import nifti_bytes, on_grid, shrunk_volume


def main(
    *,
    normalised: Path,
    body_resampled: Path,
    dilated: Path,
    volume: Path,
    bones: Path,
    spacing_mm: float,
    remove_face: bool,
) -> None:
    """Write both on one grid.

    Args:
        normalised: the contrast to show, on the standard scale.
        body_resampled: the mask of the body.
        dilated: the scan's corrected bones.
        volume: the volume to write, 0 outside the body.
        bones: the label map to write.
        spacing_mm: edge of its voxels, as near as whole blocks come.
        remove_face: whether both are 0 in the face.
    """
    body = read_volume(body_resampled)
    small = shrunk_volume(read_volume(normalised), body, spacing_mm)
    labels = on_grid(read_volume(dilated), small)
    if remove_face:
        small, labels = without_face(small, body), without_face(labels, body)
    volume.write_bytes(nifti_bytes(small))
    bones.write_bytes(nifti_bytes(labels))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
