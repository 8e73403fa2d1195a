"""Writes a simulated scan: for each contrast a folder of `station_1.nii.gz` ... (from the head down), or of DICOM."""

from collections.abc import Sequence
from pathlib import Path

import SimpleITK as sitk

from marrow.imaging.volume import write_volume
from marrow.phantom.faults import truncate_last
from marrow.phantom.roster import SimulatedScan, writes_dicom
from marrow.phantom.scan import Scanned


def write_scan(scanned: Scanned, scan: SimulatedScan, file_format: str, folders: Sequence[Path]) -> None:
    """Write the stations of every contrast into its folder, which is made."""
    dicom = writes_dicom(scan.site, file_format)
    for (contrast, stations), folder in zip(scanned.stations.items(), folders, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        if dicom:
            _write_dicom(stations, contrast, scan, folder)
            continue
        for number, image in enumerate(stations, start=1):
            write_volume(image, folder / f"station_{number}.nii.gz")
    if scan.fault == "truncated_file":
        truncate_last(folders[-1])


def write_truth(scanned: Scanned, bones: Path, lesions: Path) -> None:
    """Write the bones' label map and the mask of active disease."""
    grid = scanned.anatomy.grid
    write_volume(grid.image(scanned.anatomy.labels), bones)
    write_volume(grid.image(scanned.anatomy.lesions), lesions)


def _write_dicom(stations: Sequence[sitk.Image], contrast: str, scan: SimulatedScan, folder: Path) -> None:
    # Imported here, because importing pydicom takes longer than simulating a coarse scan.
    from marrow.phantom.export_dicom import Study, write_dicom

    write_dicom(stations, contrast, Study(scan.patient, scan.scan, scan.site), folder)
