"""Checks of position and extent of the composed contrasts against each other."""

from collections.abc import Mapping, Sequence

import numpy as np
import SimpleITK as sitk

from marrow.imaging.ingest.acquisitions import Acquisition
from marrow.imaging.ingest.check_stations import slice_mm
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.stations import Box, height_range, outer_box
from marrow.imaging.volume import same_grid

SMALLEST_OVERLAP = 0.5  # of the smaller of two volumes
TOGETHER_MM = 20.0  # contrasts of one acquisition have the same ends up to a slice or two


def check_volumes(
    volumes: Mapping[str, sitk.Image],
    grid_of: str,
    groups: Sequence[Acquisition],
    shorter_mm: float,
    shortest_mm: float,
) -> list[Finding]:
    """Check that the contrasts have the same position and extent.

    Args:
        volumes: contrast -> composed volume.
        grid_of: the contrast whose grid the others are brought onto.
        groups: which contrasts were acquired together.
        shorter_mm: by how much one acquisition may be shorter than another at either end.
        shortest_mm: the least length of a whole-body scan.
    """
    findings = check_overlap(volumes, grid_of) or check_extents(volumes, groups, shorter_mm)
    findings += check_length(volumes[grid_of], shortest_mm)
    differing = [name for name, volume in volumes.items() if not same_grid(volume, volumes[grid_of])]
    if differing:
        message = f"{' and '.join(differing)}: not on the grid of {grid_of}, so interpolated once when resampled."
        findings.append(Finding("contrast_grids", "note", "", message))
    return findings


def check_overlap(volumes: Mapping[str, sitk.Image], grid_of: str) -> list[Finding]:
    """Check that each contrast overlaps with that of the grid."""
    box = outer_box(volumes[grid_of])
    return [
        Finding(
            "contrasts_overlap",
            "stop",
            name,
            f"{name} and {grid_of} lie in different places ({share:.0%} of the smaller volume is shared); their "
            "positions "
            "in the patient differ, so they are of different examinations or one header is wrong. Give files of one "
            "examination.",
        )
        for name, volume in volumes.items()
        if (share := _shared(outer_box(volume), box)) < SMALLEST_OVERLAP
    ]


def check_extents(volumes: Mapping[str, sitk.Image], groups: Sequence[Acquisition], shorter_mm: float) -> list[Finding]:
    """Check that no contrast ends clearly before the others, as if its first or last station were missing."""
    reach = {name: height_range(volume) for name, volume in volumes.items()}
    findings: list[Finding] = []
    for name, extent in reach.items():
        partners = next(group.contrasts for group in groups if name in group.contrasts)
        for other, other_extent in reach.items():
            tolerance = max(TOGETHER_MM, 2 * slice_mm(volumes[name])) if other in partners else shorter_mm
            missing = {"feet": extent[0] - other_extent[0], "head": other_extent[1] - extent[1]}
            findings += [_shorter(name, other, end, mm) for end, mm in missing.items() if mm > tolerance]
    return findings


def check_length(volume: sitk.Image, shortest_mm: float) -> list[Finding]:
    """Check that the scan is long enough for a whole body."""
    low, high = height_range(volume)
    if high - low >= shortest_mm:
        return []
    message = (
        f"the scan covers {high - low:.0f} mm from feet to head, a whole body takes {shortest_mm:.0f} mm or more; "
        "check that all stations were given and that the axes are right."
    )
    return [Finding("coverage", "warn", "", message)]


def _shorter(name: str, other: str, end: str, missing_mm: float) -> Finding:
    message = (
        f"{name} ends {missing_mm:.0f} mm before {other} at the {end}; a station seems to be missing. Give all "
        "stations, or raise ingest.checks.shorter_mm if the protocol leaves this part out."
    )
    return Finding("missing_station", "stop", name, message)


def _shared(a: Box, b: Box) -> float:
    shared = np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None)
    smaller = min(np.prod(a[1] - a[0]), np.prod(b[1] - b[0]))
    return float(np.prod(shared) / smaller)
