"""A frozen split file: fixed splits that take precedence over the sheet, the rule and earlier assignments.

Tab-separated, with a header: the column `split` and one or both of `scan` and `patient`; other columns and lines that
begin with # are ignored. A row applies to all scans of its patient, except predict-only ones; a row of a scan may have
the split `predict`, which applies to that scan only.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from marrow.bags.splits import SPLITS
from marrow.errors import ConfigError, nearest
from marrow.files import write_text
from marrow.planning.sheet import Scan
from marrow.planning.splits.groups import Settings
from marrow.planning.splits.notes import some
from marrow.workflow.paths import RESULTS


def with_frozen(scans: Sequence[Scan], settings: Settings) -> tuple[list[Scan], list[str]]:
    """The scans with the splits of the file that `splits.file` names, and notes.

    Raises:
        ConfigError: the file is missing, damaged or contradicts itself; or with `splits.strict`, scans are missing.
    """
    if not settings["file"]:
        return list(scans), []
    path = Path(settings["file"])
    rows = _read(path)
    patient_of = {scan.scan: scan.patient for scan in scans}
    predicted = {row["scan"] for row in rows if row["split"] == "predict"}
    patients = _patients(path, rows, patient_of)
    frozen = [_frozen(scan, patients, predicted) for scan in scans]
    missing = [scan.scan for scan in frozen if scan.label and scan.patient not in patients and scan.split != "predict"]
    if missing and settings["strict"]:
        raise ConfigError(
            f"config: splits.file: {path} lacks {some(missing)}; add a row for each, give them the split predict in "
            "the sheet, or set splits.strict to false, which lets the rule assign them"
        )
    return frozen, list(_notes(path, scans, frozen, rows, missing))


def freeze(path: Path, scans: Sequence[Scan], splits: Mapping[str, str]) -> None:
    """Write a split file of all labelled scans.

    Raises:
        ConfigError: the path lies in results/, or another file is there.
    """
    _refuse_results(path)
    rows = [f"{scan.scan}\t{scan.patient}\t{splits[scan.scan]}" for scan in scans if scan.label]
    text = "\n".join(["scan\tpatient\tsplit", *sorted(rows), ""])
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise ConfigError(f"{path} exists and holds other splits; delete it, or name another file")
    write_text(path, text)


def _frozen(scan: Scan, patients: Mapping[str, str], predicted: set[str]) -> Scan:
    if not scan.label or scan.split == "predict":
        return scan
    return replace(scan, split="predict" if scan.scan in predicted else patients.get(scan.patient, scan.split))


def _read(path: Path) -> list[dict[str, str]]:
    """The rows: scan, patient and split; empty for missing columns."""
    place = f"config: splits.file: {path}"
    _refuse_results(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ConfigError(f"{place} does not exist; correct the path, or take the key out") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place} cannot be read ({error}); give a tab-separated UTF-8 text") from None
    reader = csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t", restval="")
    names = reader.fieldnames or ()
    if "split" not in names or not {"scan", "patient"} & set(names):
        raise ConfigError(
            f"{place} needs the column split and scan or patient, tab-separated; it has {', '.join(names)}"
        )
    rows = [{name: row.get(name, "").strip() for name in ("scan", "patient", "split")} for row in reader]
    problems = [
        f"{place}: {row['scan'] or row['patient']} has the split {row['split']!r}; {nearest(row['split'], SPLITS)}"
        for row in rows
        if row["split"] not in SPLITS
    ]
    problems += [
        f"{place}: patient {row['patient']} has the split predict; only a scan can, in the column scan"
        for row in rows
        if row["split"] == "predict" and not row["scan"]
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return rows


def _patients(path: Path, rows: Sequence[Mapping[str, str]], patient_of: Mapping[str, str]) -> dict[str, str]:
    """Patient -> split."""
    splits: dict[str, str] = {}
    for row in rows:
        patient = patient_of.get(row["scan"], row["patient"])
        if row["patient"] and row["patient"] != patient:
            raise ConfigError(
                f"config: splits.file: {path} has scan {row['scan']} of patient {row['patient']}, and in the sheet "
                f"it is of {patient}; correct one of them"
            )
        if not patient or row["split"] == "predict":
            continue
        if splits.setdefault(patient, row["split"]) != row["split"]:
            raise ConfigError(
                f"config: splits.file: {path} has patient {patient} in {splits[patient]} and in {row['split']}; all "
                "scans of a patient belong in one split"
            )
    return splits


def _notes(
    path: Path,
    scans: Sequence[Scan],
    frozen: Sequence[Scan],
    rows: Sequence[Mapping[str, str]],
    missing: Sequence[str],
) -> Iterator[str]:
    known = {"scan": {scan.scan for scan in scans}, "patient": {scan.patient for scan in scans}}
    ids = [(kind, row[kind]) for row in rows for kind in ["scan" if row["scan"] else "patient"]]
    unknown = [name for kind, name in ids if name not in known[kind]]
    if unknown:
        yield f"{path} names {len(unknown)} ids that the sheet lacks: {some(unknown)}"
    moved = [scan.scan for scan, after in zip(scans, frozen, strict=True) if scan.split not in {"", after.split}]
    if moved:
        yield f"{path} and the sheet's column split differ for {some(moved)}; the file's were taken"
    if missing:
        yield f"{path} lacks {len(missing)} scans, which the sheet or the rule placed: {some(missing)}"


def _refuse_results(path: Path) -> None:
    if path.resolve().is_relative_to(RESULTS.resolve()):
        raise ConfigError(f"{path} lies in results/, where this run writes; keep a frozen split file elsewhere")
