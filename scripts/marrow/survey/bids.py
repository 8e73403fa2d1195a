"""Examinations of a BIDS data set: a session each, its stations as `_chunk-N`, b-values from `.bval` or the sidecar.

A contrast is recognised where a value in the file's name, or its suffix, is the contrast's name (`acq-water_T1w`); a
T1-weighted image also as `t1`. Diffusion images are recognised by their b-values.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from marrow.errors import ScanStopped
from marrow.imaging.ingest.b_values import choose_b_value
from marrow.imaging.ingest.volume_files import b_values_beside
from marrow.planning.contrasts import Contrasts
from marrow.planning.sheet import LABELS
from marrow.survey.examination import Examination
from marrow.survey.nifti_tree import joined

FOLDERS = ("anat", "dwi")


def is_bids(root: Path) -> bool:
    """Whether a folder is a BIDS data set."""
    return (root / "dataset_description.json").is_file() or any(path.is_dir() for path in root.glob("sub-*"))


def bids_examinations(root: Path, contrasts: Contrasts, written_from: Path) -> list[Examination]:
    """The sessions of all subjects; paths count from the folder `written_from`."""
    participants = _participants(root / "participants.tsv")
    return [
        _examination(session, participants, contrasts, written_from)
        for subject in sorted(root.glob("sub-*"))
        if subject.is_dir()
        for session in (sorted(subject.glob("ses-*")) or [subject])
    ]


def _participants(path: Path) -> dict[str, dict[str, str]]:
    """Subject -> label, site and attributes, of the sheet's names."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row["participant_id"]: dict(_cells(row)) for row in rows if row.get("participant_id")}


def _cells(row: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name == "participant_id" or value in {"", "n/a"}:
            continue
        if name == "site" or (name == "label" and value in LABELS):
            yield name, value
        else:
            yield f"attr_{re.sub(r'[^a-z0-9]+', '_', name.lower())}", value


def _examination(
    session: Path, participants: dict[str, dict[str, str]], contrasts: Contrasts, written_from: Path
) -> Examination:
    subject = next(part for part in session.parts if part.startswith("sub-"))
    files = sorted(path for folder in FOLDERS for path in (session / folder).glob("*.nii*"))
    shown: dict[str, list[Path]] = defaultdict(list)
    b_values: dict[str, set[float]] = defaultdict(set)
    notes: list[str] = []
    for file in files:
        for name, b_value in _shown_by(file, contrasts, notes):
            shown[name].append(file)
            b_values[name] |= {b_value} if b_value is not None else set()
    columns = {contrast: column for column, contrast in contrasts.b_columns.items()}
    cells = dict(participants.get(subject, {}))
    for name, paths in shown.items():
        cells[name] = joined(sorted(paths, key=_chunk), written_from)
        if name in columns and len(b_values[name]) == 1:
            cells[columns[name]] = f"{b_values[name].pop():g}"
    notes += [f"{name}: no file is recognised as it" for name in contrasts.given if name not in shown]
    exam = "-".join(part.partition("-")[2] for part in (subject, session.name) if part.startswith(("sub-", "ses-")))
    of_subject = subject.removeprefix("sub-")
    return Examination(of_subject, of_subject if session.name == subject else exam, True, "", cells, tuple(notes))


def _shown_by(file: Path, contrasts: Contrasts, notes: list[str]) -> Iterator[tuple[str, float | None]]:
    """The contrasts that a file shows, with their b-values."""
    stem = re.sub(r"[.]nii([.]gz)?$", "", file.name.lower())
    words = {part.rpartition("-")[2] for part in stem.split("_")}
    words |= {word.removesuffix("w") for word in words if re.fullmatch(r"t[12]w", word)}
    named = [name for name in contrasts.given if name in words]
    if named:
        yield from ((name, None) for name in named)
        return
    try:
        measured = b_values_beside(file, None, "file")
    except ScanStopped as stopped:
        notes.append(f"{file.name}: {stopped}")
        return
    for name in contrasts.diffusion if measured else ():
        try:
            yield name, choose_b_value(measured, contrasts[name], None, name)
        except ScanStopped:
            continue


def _chunk(path: Path) -> tuple[int, str]:
    found = re.search(r"_chunk-(\d+)", path.name)
    return int(found.group(1)) if found else 0, path.name
