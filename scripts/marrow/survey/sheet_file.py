"""Makes or extends a sample sheet from the examinations of a tree, with the key file and the inventory beside it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import MarrowError
from marrow.imaging.ingest.source import is_dicom, is_volume
from marrow.planning.contrasts import Contrasts
from marrow.survey.bids import bids_examinations, is_bids
from marrow.survey.dicom_tree import Study, examination, own_folders, studies
from marrow.survey.examination import Examination
from marrow.survey.headers import DicomFile, read_tree
from marrow.survey.nifti_tree import nifti_examinations, written
from marrow.survey.pseudonyms import Pseudonyms, read_pseudonyms, write_private, write_pseudonyms

Row = dict[str, str]
INVENTORY = ("scan", "series", "description", "images", "shows", "time", "taken_for")
NOTE = "note"


@dataclass(frozen=True)
class Places:
    """Where the sheet is written, and what lies beside it: the key file, the inventory, and links to sorted files."""

    sheet: Path
    key: Path

    @property
    def inventory(self) -> Path:
        """All series that were read, with their descriptions, which may name people: as private as the key."""
        return self.key.with_name(f"{self.sheet.stem}.series.tsv")

    @property
    def links(self) -> Path:
        """A folder for each examination whose files lie among those of others."""
        return self.sheet.with_name(f"{self.sheet.stem}.sorted")


def make_sheet(root: Path, places: Places, contrasts: Contrasts) -> list[str]:
    """Write the sheet; returns what a person should know, in lines.

    Raises:
        MarrowError: there is nothing to read, or a file that would be written is in the way.
    """
    if not root.is_dir():
        raise MarrowError(f"{root} is no folder; name the one that holds the images")
    pseudonyms = read_pseudonyms(places.key)
    found, lines = _examinations(root, places, contrasts, pseudonyms)
    if not found:
        raise MarrowError("\n".join([f"{root} holds no examination of MR images", *lines]))
    pseudonyms.add(found)
    earlier = _read_rows(places.sheet)
    made = {pseudonyms.of(exam)[1]: _row(exam, pseudonyms) for exam in found}
    new = [row for scan, row in sorted(made.items()) if scan not in {row["scan"] for row in earlier}]
    rows = [*earlier, *new]
    _write_rows(places.sheet, rows, contrasts)
    if any(not exam.is_public for exam in found):
        write_pseudonyms(pseudonyms, places.key)
        lines.append(f"{places.key}: who is who; keep it to yourself.")
    if any(exam.series for exam in found):
        write_private(places.inventory, INVENTORY, _inventory(found, pseudonyms))
        lines.append(
            f"{places.inventory}: all series, with their numbers for the columns such as fat_series; private too."
        )
    return [f"{places.sheet}: {len(rows)} scans, {len(new)} of them new.", *lines, *_state(new, contrasts)]


def _examinations(
    root: Path, places: Places, contrasts: Contrasts, pseudonyms: Pseudonyms
) -> tuple[list[Examination], list[str]]:
    """The examinations of a tree, and lines on what was read."""
    written_from = places.sheet.parent
    if is_bids(root):
        return bids_examinations(root, contrasts, written_from), ["Read as BIDS."]
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
    volumes = [path for path in files if is_volume(path)]
    if volumes and not any(is_dicom(path) for path in files if not is_volume(path)):
        return nifti_examinations(root, volumes, contrasts, written_from), [f"Read {len(volumes)} volumes, by name."]
    tree = read_tree(files)
    lines = [f"Read {len(tree.files)} DICOM images; {tree.others} other files and {tree.damaged} damaged ones."]
    if volumes:
        lines.append(
            f"{len(volumes)} of the others are volumes (NIfTI and the like); name their folder alone to read them."
        )
    all_studies = studies(tree)
    lines += _on_names(tree.files)
    exams: list[Examination] = []
    shared = 0
    for study, folder in zip(all_studies, own_folders(all_studies), strict=True):
        exam = examination(study, "", contrasts)
        pseudonyms.add([exam])
        shared += folder is None
        place = folder or _linked(study, places.links / pseudonyms.of(exam)[1])
        exams.append(examination(study, written(place, written_from), contrasts))
    if shared:
        lines.append(
            f"{shared} examinations lie among others; {places.links} holds links to their files, a folder each."
        )
    return exams, lines


def _on_names(files: Sequence[DicomFile]) -> list[str]:
    """Say where paths name the patients that the tags name."""
    naming = sum(
        any(
            text and text.lower() in str(file.path).lower()
            for text in (file.person, *file.name.split("^"))
            if len(text) > 3
        )
        for file in files
    )
    if not naming:
        return []
    return [f"{naming} paths hold a patient's name or number; the sheet has them as they are. Rename the folders."]


def _linked(study: Study, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(study.paths):
        link = folder / f"{number:06d}{''.join(path.suffixes[-2:]) if path.suffix in {'.zip', '.gz'} else ''}"
        link.unlink(missing_ok=True)
        link.symlink_to(path.resolve())
    return folder


def _row(exam: Examination, pseudonyms: Pseudonyms) -> Row:
    patient, scan = pseudonyms.of(exam)
    return {"scan": scan, "patient": patient, **exam.cells, NOTE: " ".join(exam.notes)}


def _read_rows(sheet: Path) -> list[Row]:
    """The rows of a sheet that is there already, which stay as they are."""
    if not sheet.exists():
        return []
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t")
        if "scan" not in (reader.fieldnames or ()):
            raise MarrowError(
                f"{sheet} is there and has no column scan, or is not separated by tabs; name another (TO)"
            )
        return [dict(row) for row in reader]


def _write_rows(sheet: Path, rows: Sequence[Row], contrasts: Contrasts) -> None:
    first = ["scan", "patient", "label", "split", "site", *contrasts.given, *contrasts.b_columns]
    columns = dict.fromkeys([*first, *(column for row in rows for column in row if column != NOTE), NOTE])
    partial = sheet.with_name(f".{sheet.name}.partial")
    with partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="", delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(sheet)


def _inventory(exams: Sequence[Examination], pseudonyms: Pseudonyms) -> list[list[str]]:
    return [
        [
            scan,
            str(series.number),
            series.description,
            str(series.images),
            series.shows,
            series.time,
            ", ".join(series.taken_for),
        ]
        for scan, exam in sorted((pseudonyms.of(exam)[1], exam) for exam in exams)
        for series in exam.series
    ]


def _state(rows: Sequence[Mapping[str, str]], contrasts: Contrasts) -> list[str]:
    """How far the new rows are, and what to do next."""
    lacking = {name: sum(not row.get(name) for row in rows) for name in contrasts.given}
    complete = sum(all(row.get(name) for name in contrasts.given) for row in rows)
    lines = [f"{complete} of {len(rows)} new rows have every contrast."] if rows else []
    lines += [f"  {name} was not recognised in {count}" for name, count in lacking.items() if count]
    if any(lacking.values()):
        lines.append("Fill the empty cells as the column note says, or take the rows out; then its text may stay.")
    if any(not row.get("label") for row in rows):
        lines.append(
            "Scans without a label are only predicted: write the column label (healthy, inactive, focal, diffuse)."
        )
    return lines
