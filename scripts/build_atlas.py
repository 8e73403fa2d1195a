"""Rule build_atlas: builds the atlas of the skeleton from all annotated training scans.

Scans that were stopped are left out; one annotated scan is enough.
"""

import logging
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from marrow.bones.atlas.construction import build
from marrow.bones.atlas.registration import RegistrationSettings
from marrow.bones.atlas.subject import subject_of
from marrow.bones.table import read_bones
from marrow.errors import MarrowError, NoneLeft
from marrow.imaging.volume import read_volume, voxels, write_volume

_log = logging.getLogger(__name__)


def main(
    *,
    waters: list[Path],
    bodies: list[Path],
    annotations: list[Path],
    bone_table: Path,
    template: Path,
    atlas_bones: Path,
    agreement: Path,
    settings: dict[str, Any],
    threads: int,
) -> None:
    """Build the atlas.

    Args:
        waters: volumes of the role grid (water) of the annotated scans; empty files belong to stopped scans.
        bodies: their body masks, in the same order.
        annotations: their label maps, in the same order.
        bone_table: the bones.
        template: the mean water image to write.
        atlas_bones: the fused label map to write.
        agreement: the percentage of maps that agree with it, to write.
        settings: the section `bones.atlas` of the config.
        threads: how many threads may be used; the result does not depend on it.

    Raises:
        NoneLeft: all annotated scans were stopped.
    """
    registration = RegistrationSettings.of(settings, threads)
    usable = [
        files for files in zip(waters, bodies, annotations, strict=True) if all(path.stat().st_size for path in files)
    ]
    if not usable:
        raise NoneLeft(
            "annotated_scans",
            f"the atlas has no annotated scan ({len(waters)} given, all of them stopped by a check); "
            "give at least one training scan a label map in the column bones, mend those that were stopped, "
            "or switch the atlas off",
        )
    if len(usable) < len(waters):
        _log.warning("%d of %d annotated scans were stopped and are left out", len(waters) - len(usable), len(waters))
    bones = len(read_bones(bone_table))

    def annotation(number: int) -> sitk.Image:
        labels = read_volume(usable[number][2])
        highest = int(voxels(labels).max())
        if highest > bones:
            raise MarrowError(
                f"an annotated scan has the label {highest}, the bone table ends at {bones}; "
                "give a table that has it or correct the annotation"
            )
        return labels

    files = (map(read_volume, pair) for *pair, _ in usable)
    subjects = [subject_of(water, body, registration.spacing_mm) for water, body in files]
    atlas = build(subjects, annotation, bones, float(settings["label_mm"]), registration)
    write_volume(atlas.template, template)
    write_volume(atlas.bones, atlas_bones)
    write_volume(atlas.agreement, agreement)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
