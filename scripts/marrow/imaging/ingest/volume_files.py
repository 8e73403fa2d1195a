"""Reads volumes from files, one volume each, or several with the b-values in a file beside."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from marrow.errors import ScanStopped
from marrow.imaging.contrasts import Contrast
from marrow.imaging.ingest.averaging import Average, average_of
from marrow.imaging.ingest.b_values import choose_b_value, is_near
from marrow.imaging.ingest.dicom_series import averaged_message
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.itk_files import ENDINGS, read_itk
from marrow.imaging.ingest.nifti import open_nifti
from marrow.imaging.ingest.source import Source


@dataclass(frozen=True)
class Volumes:
    """The stations of a contrast, its b-value, and what a person should know of how it was read."""

    images: list[sitk.Image]
    b_value: float | None
    findings: list[Finding]


def read_volumes(source: Source, contrast: Contrast, of_scan: float | None, average: Average) -> Volumes:
    """The volumes of a contrast in files, one a station.

    Args:
        source: the files.
        contrast: as declared.
        of_scan: the b-value that the sheet gives for this scan.
        average: how volumes with the same b-value are averaged.

    Raises:
        ScanStopped: a file cannot be read, or holds several volumes without saying what they are.
    """
    count = len(source.files)
    parts = [
        _read(
            path,
            contrast,
            of_scan,
            average,
            source.where if count == 1 else f"{source.where}, file {number} of {count} in order of names",
        )
        for number, path in enumerate(source.files, start=1)
    ]
    b_values = sorted({part.b_value for part in parts if part.b_value is not None})
    if b_values and not is_near(b_values[0], b_values[-1]):
        listed = " and ".join(f"{b:g}" for b in b_values)
        raise ScanStopped("b_value", f"{source.where}: stations have b = {listed} s/mm2; give those of one b-value.")
    return Volumes(
        [image for part in parts for image in part.images],
        parts[0].b_value,
        [finding for part in parts for finding in part.findings],
    )


def _read(path: Path, contrast: Contrast, of_scan: float | None, average: Average, where: str) -> Volumes:
    own = of_scan if of_scan is not None else contrast.b_value
    if path.name.lower().endswith(ENDINGS):
        return Volumes([read_itk(path, where)], own, [])
    file = open_nifti(path, where)
    b_values = b_values_beside(path, file.count, where) if contrast.b_value is not None else []
    if not b_values:
        return Volumes([file.only_volume()], own, [])
    b_value = choose_b_value(b_values, contrast, of_scan, where)
    chosen = [number for number, other in enumerate(b_values) if is_near(other, b_value)]
    image = average_of((file.volume(number) for number in chosen), average)
    message = averaged_message(where, str(len(chosen)))
    return Volumes([image], b_value, [Finding("averaged", "note", contrast.name, message)] if len(chosen) > 1 else [])


def b_values_beside(path: Path, count: int | None, where: str) -> Sequence[float]:
    """The b-value of each of `count` volumes, from `.bval` or else `.json` beside the file; none if neither tells."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    table, sidecar = path.with_name(f"{stem}.bval"), path.with_name(f"{stem}.json")
    try:
        if table.is_file():
            b_values = [float(word) for word in table.read_text(encoding="utf-8").split()]
        elif sidecar.is_file():
            told = json.loads(sidecar.read_text(encoding="utf-8")).get("DiffusionBValue")
            b_values = [float(told)] * (count or 1) if told is not None else []
        else:
            return []
    except (ValueError, OSError, AttributeError, TypeError) as error:
        message = f"{where}: the b-values beside the file cannot be read ({type(error).__name__}); write them again."
        raise ScanStopped("b_value", message) from None
    if b_values and count is not None and len(b_values) != count:
        raise ScanStopped(
            "b_value",
            f"{where}: the file holds {count} volumes, and {len(b_values)} b-values lie beside it; mend them.",
        )
    return b_values
