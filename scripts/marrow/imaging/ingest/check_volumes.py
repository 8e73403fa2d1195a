"""Checks of the composed contrasts against each other and against the body."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk

from marrow.imaging.ingest.acquisitions import Acquisition
from marrow.imaging.ingest.check_stations import slice_mm
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.stations import height_range
from marrow.imaging.volume import same_grid

SMALLEST_OVERLAP = 0.5  # of the smaller of two volumes
TOGETHER_MM = 20.0  # contrasts of one acquisition end together, but for a slice or two

Box = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]


def check_volumes(
    volumes: Mapping[str, sitk.Image], groups: Sequence[Acquisition], shorter_mm: float, shortest_mm: float
) -> list[Finding]:
    """Whether the contrasts lie in the same place and reach equally far.

    Args:
        volumes: contrast -> composed volume, one of them water.
        groups: which contrasts were acquired together.
        shorter_mm: how much earlier one acquisition may end than another.
        shortest_mm: a scan that covers less is not of a whole body.
    """
    found = check_overlap(volumes)
    if not found:
        found = check_extents(volumes, groups, shorter_mm)
    found += check_length(volumes["water"], shortest_mm)
    differing = [name for name, volume in volumes.items() if not same_grid(volume, volumes["water"])]
    if differing:
        message = f"{' and '.join(differing)}: not on the grid of water, so interpolated once when resampled."
        found.append(Finding("contrast_grids", "note", "", message))
    return found


def check_overlap(volumes: Mapping[str, sitk.Image]) -> list[Finding]:
    """Whether each contrast lies where water lies."""
    water = _box(volumes["water"])
    return [
        Finding(
            "contrasts_overlap",
            "stop",
            name,
            f"{name} and water lie in different places ({share:.0%} of the smaller volume is shared); their positions "
            "in the patient differ, so they are of different examinations or one header is wrong. Give files of one "
            "examination.",
        )
        for name, volume in volumes.items()
        if (share := _shared(_box(volume), water)) < SMALLEST_OVERLAP
    ]


def check_extents(volumes: Mapping[str, sitk.Image], groups: Sequence[Acquisition], shorter_mm: float) -> list[Finding]:
    """Whether a contrast ends clearly before the others, as it does when the first or last station is missing."""
    reach = {name: height_range(volume) for name, volume in volumes.items()}
    found: list[Finding] = []
    for name, own in reach.items():
        partners = next(group.contrasts for group in groups if name in group.contrasts)
        for other, theirs in reach.items():
            tolerance = max(TOGETHER_MM, 2 * slice_mm(volumes[name])) if other in partners else shorter_mm
            missing = {"feet": own[0] - theirs[0], "head": theirs[1] - own[1]}
            found += [_shorter(name, other, end, mm) for end, mm in missing.items() if mm > tolerance]
    return found


def check_length(volume: sitk.Image, shortest_mm: float) -> list[Finding]:
    """Whether the scan reaches far enough from feet to head to be one of the whole body."""
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


def _box(image: sitk.Image) -> Box:
    """The lowest and the highest corner of an image's outer faces, mm, `(3,)` each."""
    corners = np.array(
        [
            image.TransformContinuousIndexToPhysicalPoint(
                [s * n - 0.5 for s, n in zip(sides, image.GetSize(), strict=True)]
            )
            for sides in product((0, 1), repeat=3)
        ]
    )
    return corners.min(axis=0), corners.max(axis=0)


def _shared(a: Box, b: Box) -> float:
    shared = np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None)
    smaller = min(np.prod(a[1] - a[0]), np.prod(b[1] - b[0]))
    return float(np.prod(shared) / smaller)
