"""Checks of the body's orientation, and of swapped fat and water."""

from collections.abc import Mapping

import numpy as np
import scipy.ndimage as ndi
import SimpleITK as sitk

from marrow.imaging.ingest.body import BodySettings, at_spacing, connected_parts, find_body
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.volume import BoolArray, FloatArray, intensities, mask_of, same_grid

COARSE_MM = 6.0
SMALLEST_SHARE = 1e-3  # of the volume; less is no body
BORE_MM = 800.0  # nobody is wider or thicker than a scanner
END = 0.2  # of the body's length, at feet and head
LEG = 0.15  # of the area of a plane, for a part to count
BETTER_MIRRORED = 0.15  # Dice
RING_MM = (3.0, 12.0)  # depth of the layer below the skin: past partial volume, short of muscle
CORE_MM = 20.0
SWAPPED_BY = 0.1  # fat fraction
BAND_MM = 80.0


def check_body(body: sitk.Image) -> list[Finding]:
    """Check that there is a body, along z, with the head up."""
    coarse = _coarse(body)
    inside = intensities(coarse) > 0.5
    if inside.mean() < SMALLEST_SHARE:
        message = "no body was found in the images that outline it; check that they show a patient and are not empty."
        return [Finding("body", "stop", "", message)]
    return _check_lengths(inside, coarse) or _check_upright(inside)


def check_agreement(volumes: Mapping[str, sitk.Image], body: sitk.Image, settings: BodySettings) -> list[Finding]:
    """Check that no contrast fits the body better when mirrored, which means that its header has an inverted axis.

    An exchange of left and right cannot be detected this way, because the body is symmetric.
    """
    findings: list[Finding] = []
    for name, volume in volumes.items():
        coarse = at_spacing(volume, COARSE_MM)
        outline = mask_of(find_body(coarse, settings))
        expected = mask_of(sitk.Resample(body, coarse, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0))
        direct = _dice(outline, expected)
        for axis, ends in ((0, "head and feet"), (1, "front and back")):
            mirrored = _dice(np.flip(outline, axis), expected)
            if mirrored > direct + BETTER_MIRRORED:
                message = (
                    f"{name}: fits the outline of the body better with {ends} exchanged (overlap {mirrored:.0%} "
                    f"instead of {direct:.0%}); the orientation in its header is wrong. Convert the DICOM series again."
                )
                findings.append(Finding("orientation", "stop", name, message))
    return findings


def check_swap(water: sitk.Image, fat: sitk.Image, body: sitk.Image) -> list[Finding]:
    """Check that fat and water are not exchanged, in the whole body or in a part of it.

    The layer below the skin is fat, deep tissue is mostly water. If the layer has the lower fat fraction, the two were
    exchanged: in the sheet, or by the scanner, which does so in single stations. `body` is on the grid of `water`.
    """
    on_grid = fat if same_grid(fat, water) else sitk.Resample(fat, water, sitk.Transform(), sitk.sitkLinear, 0.0)
    shares = _fat_shares(_coarse(water), _coarse(on_grid), _coarse(body))
    known = [share for share in shares if share is not None]
    swapped = [number for number, share in enumerate(shares) if share is not None and share < -SWAPPED_BY]
    if not swapped:
        return []
    if len(swapped) > len(known) / 2:
        message = (
            "fat and water seem to be exchanged: the layer below the skin is bright on water. Compare the two "
            "pictures; if so, exchange the columns fat and water of the sheet."
        )
    else:
        places = ", ".join(f"{number * BAND_MM:.0f}-{(number + 1) * BAND_MM:.0f} mm" for number in swapped)
        message = (
            f"fat and water seem to be exchanged in a part of the body ({places} above the lowest slice), as a scanner "
            "does in single stations. Look at the picture; reconstruct the station again or leave the scan out."
        )
    return [Finding("fat_water_swap", "warn", "", message)]


def _check_lengths(inside: BoolArray, coarse: sitk.Image) -> list[Finding]:
    z, y, x = (
        float(np.ptp(np.flatnonzero(inside.any(axis=others))) + 1) * mm
        for others, mm in zip(((1, 2), (0, 2), (0, 1)), coarse.GetSpacing()[::-1], strict=True)
    )
    widest = max(x, y)
    if widest <= z:
        return []
    side = "from side to side" if x >= y else "from front to back"
    message = (
        f"the body is longer {side} ({widest:.0f} mm) than from feet to head ({z:.0f} mm); the axes in the header are "
        "exchanged, or only one station was given. Convert the DICOM series again, or give all stations."
    )
    return [Finding("orientation", "stop" if widest > BORE_MM else "warn", "", message)]


def _check_upright(inside: BoolArray) -> list[Finding]:
    """Check that the legs (two components in a plane) are below the head (one component)."""
    rows = np.flatnonzero(inside.any(axis=(1, 2)))
    count = max(1, round(END * len(rows)))
    feet, head = (np.median([_parts(inside[row]) for row in end]) for end in (rows[:count], rows[-count:]))
    if not (head >= 2 and feet < 2):
        return []
    message = (
        "the body seems to lie head down: two legs where the head should be; check the orientation in the headers."
    )
    return [Finding("orientation", "warn", "", message)]


def _parts(plane: BoolArray) -> int:
    sizes = np.bincount(connected_parts(plane).ravel())[1:]
    return int((sizes > LEG * plane.sum()).sum())


def _fat_shares(water: sitk.Image, fat: sitk.Image, body: sitk.Image) -> list[float | None]:
    """For each band along z: fat fraction below the skin minus that of deep tissue; None for too few voxels."""
    inside = intensities(body) > 0.5
    spacing = body.GetSpacing()[::-1]
    # In-plane depth, since the ends of the scan are not skin. The frame of air makes the edge of the image count as
    # skin.
    framed = np.pad(inside, ((0, 0), (1, 1), (1, 1)))
    depths = [np.asarray(ndi.distance_transform_edt(plane, sampling=spacing[1:])) for plane in framed]
    depth = np.stack(depths).astype(np.float32)[:, 1:-1, 1:-1]
    fats, waters = (np.clip(intensities(image), 0, None) for image in (fat, water))
    share = (fats / np.maximum(fats + waters, np.finfo(np.float32).tiny)).astype(np.float32)
    ring, core = (depth > RING_MM[0]) & (depth <= RING_MM[1]), depth > CORE_MM
    rows = max(1, round(BAND_MM / spacing[0]))
    return [
        _difference(share[start : start + rows], ring[start : start + rows], core[start : start + rows])
        for start in range(0, len(share), rows)
    ]


def _difference(share: FloatArray, ring: BoolArray, core: BoolArray) -> float | None:
    if min(ring.sum(), core.sum()) < 50:
        return None
    return float(np.median(share[ring]) - np.median(share[core]))


def _coarse(image: sitk.Image) -> sitk.Image:
    is_float = image.GetPixelID() == sitk.sitkFloat32
    return at_spacing(image if is_float else sitk.Cast(image, sitk.sitkFloat32), COARSE_MM)


def _dice(a: BoolArray, b: BoolArray) -> float:
    total = int(a.sum() + b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0
