"""Rule register_atlas: registers the atlas to a scan, and resamples its bones to the scan's grid.

Registration works at a low resolution; only its result is resampled to the scan's voxels.
"""

import logging
from pathlib import Path
from typing import Any

from marrow.bones.atlas.construction import template_subject
from marrow.bones.atlas.labels import warped_atlas
from marrow.bones.atlas.registration import RegistrationSettings, register
from marrow.bones.atlas.subject import subject_of
from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_on_grid, read_volume, voxels, write_volume

_log = logging.getLogger(__name__)


def main(
    *,
    water: Path,
    body_resampled: Path,
    template: Path,
    atlas_bones: Path,
    agreement: Path,
    atlas: Path,
    support: Path,
    settings: dict[str, Any],
    threads: int,
) -> None:
    """Register the atlas to a scan.

    Args:
        water: the scan's volume of the role grid, water where it is given.
        body_resampled: its body mask, on the same grid.
        template: the atlas's mean water.
        atlas_bones: its label map.
        agreement: the percentage of annotated scans that agree with it.
        atlas: the atlas's labels on the scan's grid, to write.
        support: the agreement on the scan's grid, to write.
        settings: the section `bones.atlas` of the config.
        threads: how many threads may be used; the result does not depend on it.
    """
    registration = RegistrationSettings.of(settings, threads)
    body = read_volume(body_resampled)
    if not voxels(body).any():
        raise ScanStopped("body_found", "the body mask is empty, a body was expected; look at the scan's water image")
    grid = Grid.of(body)
    subject = subject_of(read_volume(water), body, registration.spacing_mm)
    del body
    registered = register(subject, template_subject(read_volume(template)), registration)
    _log.info("correlation with the template %s", ", ".join(f"{value:.3f}" for value in registered.correlations))
    bones = read_volume(atlas_bones)
    percent = read_on_grid(agreement, bones, "the atlas's agreement")
    resampled = warped_atlas(bones, percent, registered.transform, grid, threads)
    for labels, path in zip(resampled, (atlas, support), strict=True):
        write_volume(grid.image(labels), path)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
