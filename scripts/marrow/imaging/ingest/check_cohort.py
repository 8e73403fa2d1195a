"""Checks of the scans of a cohort against each other, from the facts that ingest wrote down of each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marrow.imaging.ingest.findings import Finding

Facts = Mapping[str, Mapping[str, Any]]  # contrast -> fact -> value, as in `checks.json`
AXES = ("left to right", "front to back", "feet to head")


def check_cohort(
    rows: Sequence[Mapping[str, str]], facts: Mapping[str, Facts], voxel_ratio: float
) -> dict[str, list[Finding]]:
    """The findings of each scan that appear only beside the others.

    Args:
        rows: scan, patient, label, split and site of each scan.
        facts: scan -> its facts; a stopped scan has none.
        voxel_ratio: how much longer or shorter than the median voxels may be.
    """
    findings: dict[str, list[Finding]] = defaultdict(list)
    for scan, of_scan in [*_check_twice(rows, facts), *_check_voxels(facts, voxel_ratio)]:
        findings[scan].append(of_scan)
    return findings


def _check_twice(rows: Sequence[Mapping[str, str]], facts: Mapping[str, Facts]) -> list[tuple[str, Finding]]:
    """Check that no image belongs to two scans."""
    row_of = {row["scan"]: row for row in rows}
    owners: dict[str, dict[str, str]] = defaultdict(dict)  # digest -> scan -> contrast
    for scan, of_scan in facts.items():
        for contrast, fact in of_scan.items():
            if fact["voxels"]:
                owners[fact["voxels"]].setdefault(scan, contrast)
    pairs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for scans in owners.values():
        for scan, contrast in scans.items():
            for other in scans:
                if other != scan:
                    pairs[scan, other].append(contrast)
    return [
        (scan, Finding("same_scan", "warn", "", _twice(row_of[scan], row_of[other], contrasts)))
        for (scan, other), contrasts in pairs.items()
    ]


def _twice(row: Mapping[str, str], other: Mapping[str, str], contrasts: Sequence[str]) -> str:
    same = f"{', '.join(contrasts)} voxel for voxel the same as of scan {other['scan']}"
    if row["split"] != other["split"]:
        same += f", which is in {other['split']} and this one in {row['split']}: what is tested has been learned"
    if row["patient"] != other["patient"]:
        same += "; the two rows name different patients"
    return f"{same}. Take one of the rows out of the sheet, or mend its paths."


def _check_voxels(facts: Mapping[str, Facts], voxel_ratio: float) -> list[tuple[str, Finding]]:
    """Check that no scan has voxels of quite another size than the others."""
    spacings: dict[str, dict[str, Sequence[float]]] = defaultdict(dict)
    for scan, of_scan in facts.items():
        for contrast, fact in of_scan.items():
            spacings[contrast][scan] = fact["spacing_mm"]
    findings: list[tuple[str, Finding]] = []
    for contrast, of_scans in spacings.items():
        median = np.median(list(of_scans.values()), axis=0)
        for scan, spacing in of_scans.items():
            ratios = np.asarray(spacing) / median
            axis = int(np.argmax(np.abs(np.log(ratios))))
            if max(ratios[axis], 1 / ratios[axis]) > voxel_ratio:
                message = (
                    f"{contrast} has voxels of {spacing[axis]:g} mm from {AXES[axis]}, the cohort's median is "
                    f"{median[axis]:g} mm; check that this is the series that was meant."
                )
                findings.append((scan, Finding("voxel_size", "warn", contrast, message)))
    return findings
