"""Rule simulate_scan: simulates a scan of the roster: the raw stations of every contrast, the true label maps."""

from pathlib import Path
from typing import Any

from marrow.bones.table import read_bones
from marrow.phantom.export import write_scan, write_truth
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import simulate


def main(
    *,
    bone_table: Path,
    stations: list[Path],
    bones: Path,
    lesions: Path,
    contrasts: list[str],
    scan: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """Write one folder per contrast, the bones' label map and the mask of active disease.

    Args:
        bone_table: the bones.
        stations: the folders to write, in the order of `contrasts`.
        bones: the true label map of bones to write.
        lesions: the true mask of lesions to write.
        contrasts: of fat, water, b50, b900.
        scan: the row of the roster.
        settings: the section `simulate` of the config.
    """
    row = SimulatedScan(**scan)
    scanned = simulate(row, settings, contrasts, read_bones(bone_table))
    write_scan(scanned, row, settings["format"], stations)
    write_truth(scanned, bones, lesions)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
