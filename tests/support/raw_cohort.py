"""A small raw cohort as a hospital would hand it over, written by the phantom, and its sample sheet."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from marrow.bones.table import read_bones
from marrow.phantom.export import write_scan, write_truth
from marrow.phantom.roster import roster
from marrow.phantom.scan import simulate

CONTRASTS = ["fat", "water", "b50", "b900"]
SETTINGS = {
    "seed": 5,
    "size": "mini",
    "single_station": False,
    "format": "nifti",
    "patients": {"focal": 1},
    "repeat_every": 0,
    "lesion_contrast": 1.0,
    "lesion_fraction": 0.05,
    "diffuse_fraction": 0.4,
    "diffuse_with_focal": 0.5,
    "faults": {},
}


def write_raw_cohort(folder: Path, nifti: Sequence[str], dicom: Sequence[str]) -> None:
    """Write scans of different seeds, a folder each with a folder for each contrast."""
    (row,) = roster(SETTINGS)
    for number, scan in enumerate([*nifti, *dicom]):
        patient = replace(row, scan=scan, patient=scan)
        simulated = simulate(patient, SETTINGS | {"seed": number}, CONTRASTS, read_bones())
        folders = [folder / scan / contrast for contrast in CONTRASTS]
        (folder / scan).mkdir(parents=True)
        write_scan(simulated, patient, "dicom" if scan in dicom else "nifti", folders)
        write_truth(simulated, folder / scan / "bones.nii.gz", folder / scan / "lesions.nii.gz")


def write_sheet(
    file: Path,
    rows: Sequence[tuple[str, str, str, str]],
    annotated: Sequence[str] = (),
    lesions: Sequence[str] = (),
) -> None:
    """Write a sheet of (scan, patient, label, split) with the folders that `write_raw_cohort` makes.

    The columns `bones` and `lesions` are there if any scan has such a truth.
    """
    truths = {name: scans for name, scans in (("bones", annotated), ("lesions", lesions)) if scans}
    lines = ["\t".join(["scan", "patient", "label", "split", *CONTRASTS, *truths])]
    for row in rows:
        given = [f"raw/{row[0]}/{name}.nii.gz" if row[0] in scans else "" for name, scans in truths.items()]
        lines.append("\t".join([*row, *(f"raw/{row[0]}/{contrast}" for contrast in CONTRASTS), *given]))
    file.write_text("\n".join(lines) + "\n")
