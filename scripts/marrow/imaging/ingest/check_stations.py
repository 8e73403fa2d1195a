"""Checks of single stations, before they are composed."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import SimpleITK as sitk

from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.stations import height_range, middle
from marrow.imaging.volume import intensities

POSSIBLE_MM = (0.2, 20.0)
USUAL_MM = (0.5, 10.0)
SMALLEST = 4  # voxels along an axis
GAP = 1.5  # in slices, from one station to the next
FEWEST_CLIPPED = 50


def check_stations(stations: Mapping[str, Sequence[sitk.Image]], clipped_share: float) -> list[Finding]:
    """Check order, gaps, geometry and values of the stations of each contrast, which are in order from the feet.

    Intensities count as clipped if more than `clipped_share` of bright voxels has the largest value.
    """
    findings: list[Finding] = []
    for contrast, images in stations.items():
        findings += check_order(images, contrast) or check_gaps(images, contrast)
        for number, image in enumerate(images, start=1):
            where = contrast if len(images) == 1 else f"{contrast}, station {number} of {len(images)} (from the feet)"
            of_station = check_geometry(image, contrast, where) + check_values(image, contrast, where, clipped_share)
            findings += of_station
            if any(finding.severity == "stop" for finding in of_station):
                break  # a fault of one station is mostly one of all; one message is enough
    return findings


def check_geometry(image: sitk.Image, contrast: str, where: str) -> list[Finding]:
    """Check that size and spacing are possible for a whole-body scan."""
    size, spacing = image.GetSize(), image.GetSpacing()
    listed = " x ".join(f"{mm:.3g}" for mm in spacing)
    if min(size) < SMALLEST:
        counts = " x ".join(str(n) for n in size)
        message = f"{where}: only {counts} voxels; give the whole series, not single slices."
        return [Finding("dimensions", "stop", contrast, message)]
    low, high = POSSIBLE_MM
    if not all(low <= mm <= high for mm in spacing):
        message = (
            f"{where}: voxel spacing {listed} mm is impossible for a whole-body scan ({low:g} to {high:g} mm); "
            "the header is wrong, export the series again."
        )
        return [Finding("spacing", "stop", contrast, message)]
    low, high = USUAL_MM
    if not all(low <= mm <= high for mm in spacing):
        message = f"{where}: voxel spacing {listed} mm is unusual ({low:g} to {high:g} mm); check the header."
        return [Finding("spacing", "warn", contrast, message)]
    return []


def check_values(image: sitk.Image, contrast: str, where: str, clipped_share: float) -> list[Finding]:
    """Check that voxel values are finite, not constant and not clipped."""
    array = intensities(image)
    broken = int(array.size - np.isfinite(array).sum())
    if broken:
        message = f"{where}: {broken} voxels are NaN or infinite; export the series again from the scanner's images."
        return [Finding("finite_values", "stop", contrast, message)]
    lowest, highest = float(array.min()), float(array.max())
    if lowest == highest:
        message = f"{where}: every voxel is {lowest:g}; the export failed, export the series again."
        return [Finding("constant_volume", "stop", contrast, message)]
    at_top = int((array == highest).sum())
    bright = int((array > (lowest + highest) / 2).sum())
    if at_top >= FEWEST_CLIPPED and at_top > clipped_share * bright:
        message = (
            f"{where}: {at_top} voxels have the very largest value ({highest:g}), {at_top / bright:.1%} of the bright "
            "ones; intensities were cut off. Export without windowing or 8-bit conversion."
        )
        return [Finding("clipped_values", "warn", contrast, message)]
    return []


def check_order(stations: Sequence[sitk.Image], contrast: str) -> list[Finding]:
    """Check that the stations follow each other from feet to head, and not along another axis."""
    across, along = 0.0, 0.0
    for lower, upper in pairwise(middle(station) for station in stations):
        x, y, z = (abs(a - b) for a, b in zip(lower, upper, strict=True))
        across, along = max(across, x, y), max(along, z)
    if across <= along:
        return []
    message = (
        f"{contrast}: the stations lie up to {across:.0f} mm beside each other but {along:.0f} mm along the body; "
        "the axes in the headers are exchanged. Convert the DICOM series again."
    )
    return [Finding("orientation", "stop", contrast, message)]


def check_gaps(stations: Sequence[sitk.Image], contrast: str) -> list[Finding]:
    """Check that there is no gap between neighbouring stations."""
    findings: list[Finding] = []
    for number, (lower, upper) in enumerate(pairwise(stations), start=1):
        gap = height_range(upper)[0] - height_range(lower)[1]
        if gap > (GAP - 1) * slice_mm(lower) and not math.isclose(gap, 0, abs_tol=1e-3):
            message = (
                f"{contrast}: {gap:.0f} mm are missing between stations {number} and {number + 1} of {len(stations)} "
                "(from the feet); a station or some slices were not exported. Give all of them."
            )
            findings.append(Finding("missing_station", "stop", contrast, message))
    return findings


def slice_mm(image: sitk.Image) -> float:
    """The distance between slices from feet to head."""
    return float(image.GetSpacing()[2])
