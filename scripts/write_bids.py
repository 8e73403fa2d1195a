"""Rule write_bids: standardised volumes, body masks and bones of a cohort as BIDS derivatives."""

import csv
import json
import os
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marrow.bones.table import read_bones
from marrow.imaging.contrasts import Contrast
from marrow.imaging.face import without_face
from marrow.imaging.volume import read_volume, write_volume
from marrow.planning.bids import Session, image_name
from marrow.planning.sheet import LABELS

BIDS_VERSION = "1.10.0"
README = """Standardised whole-body MRI volumes, body masks and bones, made by Marrow from images that are not here.

Subjects and sessions are pseudonyms. Volumes of a scan lie on one grid. Intensities that are described as standardised
lie on a scale that all scans share (desc-standardised); others have their own unit (desc-measured).
"""


def main(
    *,
    normalised: list[Path],
    bodies: list[Path],
    bones: list[Path],
    bone_table: Path,
    folder: Path,
    scans: list[dict[str, str]],
    sessions: dict[str, list[str]],
    contrasts: list[dict[str, Any]],
    remove_face: bool,
) -> None:
    """Write the data set; a stopped scan is left out.

    Args:
        normalised: the contrasts of all scans, grouped by scan.
        bodies: the body mask of each scan.
        bones: the corrected bones of each scan, or none.
        bone_table: names and numbers of the bones.
        folder: written, the data set.
        scans: scan, patient, label, split and site of each.
        sessions: scan -> the labels of its subject and session.
        contrasts: as declared, in the order of a scan's volumes.
        remove_face: whether volumes and bones are 0 in the face.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = [Contrast.of(declaration) for declaration in contrasts]
    written: list[Mapping[str, str]] = []
    for number, (row, body) in enumerate(zip(scans, bodies, strict=True)):
        volumes = normalised[number * len(declared) : (number + 1) * len(declared)]
        if not all(path.stat().st_size for path in (body, *volumes)):
            continue
        labels = bones[number] if bones and bones[number].stat().st_size else None
        files = _files(Session(*sessions[row["scan"]]), declared, volumes, body, labels)
        for name, (source, about) in files.items():
            _write(source, body if remove_face and source != body else None, folder / name)
            _json(folder / f"{name.removesuffix('.nii')}.json", about)
        written.append({"participant_id": f"sub-{sessions[row['scan']][0]}", **row})
    _describe(folder, written, bone_table if bones else None)


def _files(
    session: Session, declared: list[Contrast], volumes: list[Path], body: Path, bones: Path | None
) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Path in the data set -> the result that it shows, and its sidecar."""
    files: dict[str, tuple[Path, dict[str, Any]]] = {}
    for contrast, volume in zip(declared, volumes, strict=True):
        kind, rest = image_name(contrast)
        about: dict[str, Any] = {"SkullStripped": False, "Contrast": contrast.name, "Roles": list(contrast.roles)}
        if contrast.b_value is not None:
            about["DiffusionBValue"] = contrast.b_value
        if contrast.is_computed:
            about["Units"] = "1e-6 mm2/s"
        files[session.file(kind, rest)] = (volume, about)
    files[session.file("anat", "desc-body_mask.nii")] = (body, {"Type": "ROI"})
    if bones is not None:
        files[session.file("anat", "desc-bones_dseg.nii")] = (bones, {"Labels": "desc-bones_dseg.tsv"})
    return files


def _write(source: Path, body: Path | None, target: Path) -> None:
    """Link a result, which costs no room; or write it without the face, by the body mask."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if body is not None:
        write_volume(without_face(read_volume(source), read_volume(body)), target)
        return
    try:
        os.link(source, target)  # results are replaced, never written into
    except OSError:
        shutil.copyfile(source, target)


def _describe(folder: Path, written: list[Mapping[str, str]], bone_table: Path | None) -> None:
    """The files at the top of the data set."""
    description = {
        "Name": "Whole-body MRI, standardised",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "Marrow", "Description": f"with Snakemake {version('snakemake')}"}],
    }
    _json(folder / "dataset_description.json", description)
    (folder / "README").write_text(README, encoding="utf-8")
    participants = {row["participant_id"]: [row["participant_id"], row["label"] or "n/a"] for row in written}
    labels = {"Description": "Disease pattern", "Levels": dict(zip(LABELS, LABELS, strict=True))}
    _json(folder / "participants.json", {"label": labels})
    _table(folder / "participants.tsv", ["participant_id", "label"], list(participants.values()))
    if bone_table is not None:
        rows = [[str(bone.id), bone.name] for bone in read_bones(bone_table)]
        _table(folder / "desc-bones_dseg.tsv", ["index", "name"], [["0", "background"], *rows])


def _table(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([header, *rows])


def _json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
