"""Reads and checks the sample sheet, which has a row for each scan, before any work starts.

Columns are separated by tabs, commas or semicolons; a byte-order mark and Windows line ends are accepted. All problems
are reported together, each with row, scan and column.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Any

from marrow.errors import SheetError
from marrow.planning.config import find_problems
from marrow.planning.contrasts import Contrasts
from marrow.workflow.paths import RESULTS

LABELS = ("healthy", "inactive", "focal", "diffuse")
TRUTHS = ("bones", "lesions")
SERIES = {"type": "string", "pattern": "^[0-9]*(; *[0-9]+)*$", "expects": "series numbers, separated by semicolons"}
B_VALUE = {"type": "string", "pattern": "^([0-9]+([.][0-9]+)?)?$", "expects": "a b-value in s/mm2, such as 800"}
REFERENCE = "reference"  # in the column `split`: the scan defines the intensity standard, and is predicted only
MISTYPED = 0.8  # a column that is so like a known one, which the sheet lacks, is taken for a slip of the hand
STAYS = {"", "no", "n", "false", "0"}  # in the column `exclude`, in any case
WITHOUT_REASON = {"yes", "y", "true", "1", "x"}
# Snakemake takes this for a wildcard in the path of any file; there is no way to say that it is none.
WILDCARD = re.compile(r"\{\s*[.\w]+\s*(?:,[^{}]*)?\}")


@dataclass(frozen=True)
class Scan:
    """A row of the sheet.

    Attributes:
        scan, patient, label, split, site: as in the sheet; a scan without label is predicted only.
        images: contrast -> its files or folders, several if it has several stations.
        truths: paths of the annotations `bones` and `lesions`, if the sheet has them.
        premade: label maps of the bones from other programs, in the order of `bones.precomputed.maps`.
        overrides: contrast -> what ingest shall not look up itself, such as `{"series": [5, 6], "b_value": 800.0}`.
        attributes: the clinical attributes, named without `attr_`.
        is_reference: whether it defines the intensity standard although it is predicted only.
        row: its number in the sheet, for messages.
    """

    scan: str
    patient: str
    label: str = ""
    split: str = ""
    site: str = ""
    images: dict[str, list[str]] = field(default_factory=lambda: {})
    truths: dict[str, str] = field(default_factory=lambda: {})
    premade: tuple[str, ...] = ()
    overrides: dict[str, dict[str, Any]] = field(default_factory=lambda: {})
    attributes: dict[str, str] = field(default_factory=lambda: {})
    is_reference: bool = False
    row: int = 0

    @property
    def raw_images(self) -> list[str]:
        """All raw files and folders, contrast after contrast."""
        return [path for paths in self.images.values() for path in paths]

    @property
    def path_counts(self) -> dict[str, int]:
        """How many of these belong to each contrast."""
        return {contrast: len(paths) for contrast, paths in self.images.items()}

    @property
    def lesions(self) -> list[str]:
        """The resampled lesions, where somebody marked them."""
        return [f"results/labels/{self.scan}/lesions.nii"] if "lesions" in self.truths else []

    def summary(self) -> dict[str, str]:
        """The columns that tables and the report show of a scan."""
        return {name: getattr(self, name) for name in ("scan", "patient", "label", "split", "site")}


@dataclass(frozen=True)
class Sheet:
    """What a sample sheet says.

    Attributes:
        scans: those that the cohort consists of.
        excluded: scan -> the reason for which its column `exclude` leaves it out.
        free_columns: those that Marrow does not know and passes over.
    """

    scans: list[Scan]
    excluded: dict[str, str]
    free_columns: list[str]

    @property
    def notes(self) -> list[str]:
        """What somebody should know of it."""
        notes: list[str] = []
        if self.free_columns:
            notes.append(f"columns that Marrow does not know are passed over: {', '.join(self.free_columns)}")
        if self.excluded:
            reasons = ", ".join(f"{scan} ({why})" for scan, why in self.excluded.items())
            notes.append(f"{len(self.excluded)} scans are left out, as the column exclude says: {reasons}")
        return notes


def read_sheet(path: Path, schema: Mapping[str, Any], contrasts: Contrasts) -> Sheet:
    """Read and check a sample sheet, whose columns of contrasts must not be empty; paths are relative to its folder.

    Raises:
        SheetError: all problems, a line each.
    """
    all_rows = _read_rows(path)
    columns, free = _check_columns(path.name, all_rows, schema, contrasts)
    problems = list(_repeated_scans(all_rows))
    excluded = {row["scan"]: why for _, row in all_rows if (why := _why_excluded(row.get("exclude", "")))}
    rows = [(number, row) for number, row in all_rows if row["scan"] not in excluded]
    problems += [problem for number, row in rows for problem in _row_problems(number, row, columns, contrasts.given)]
    problems += _divided_patients(rows)
    if not rows:
        problems.append("every scan is left out; empty the column exclude of those that are to be used")
    if not problems:
        scans = [_scan(number, row, path.parent, contrasts) for number, row in rows]
        problems += _unusable_paths(scans)
        if not problems:
            return Sheet(scans, excluded, free)
    raise SheetError("\n".join(f"{path.name}, {problem}" for problem in problems))


def _why_excluded(cell: str) -> str:
    """The reason that a cell of the column `exclude` gives; empty where the scan stays."""
    if cell.casefold() in STAYS:
        return ""
    return "no reason given" if cell.casefold() in WITHOUT_REASON else cell


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SheetError(
            f"{path} does not exist in {path.absolute().parent}; `samples` in the config must name the sample sheet, "
            f"counted from the working directory, {Path.cwd()}"
        ) from None
    except OSError as error:
        raise SheetError(
            f"{path} cannot be read ({error.strerror}); `samples` in the config must name a file"
        ) from None
    except UnicodeDecodeError:
        raise SheetError(f"{path.name} is not UTF-8 text; save it as UTF-8 (CSV or tab-separated)") from None
    header = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.DictReader(
        StringIO(text, newline=""), delimiter=max("\t,;", key=header.count), restkey="", restval="", strict=True
    )
    try:
        names = [name.strip() for name in reader.fieldnames or []]
        rows = [(reader.line_num, _stripped(row)) for row in reader if any(row.values())]
    except csv.Error as error:
        raise SheetError(f"{path.name}, row {reader.line_num}: {error}; look for a quote that is not closed") from None
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SheetError(f"{path.name} has the column {', '.join(repeated)} more than once; keep one")
    if not rows:
        raise SheetError(f"{path.name} has no scans; give it a header line and a row for each scan")
    return rows


def _stripped(row: Mapping[Any, Any]) -> dict[str, str]:
    overflow = row.get("")
    if overflow and any(overflow):
        return {"": "overflow"} | {name.strip(): value.strip() for name, value in row.items() if name}
    return {name.strip(): value.strip() for name, value in row.items() if name}


def _check_columns(
    sheet: str, rows: list[tuple[int, dict[str, str]]], schema: Mapping[str, Any], contrasts: Contrasts
) -> tuple[dict[str, Any], list[str]]:
    """The schema of each column that the sheet has, and the names of those that are free."""
    column_schemas: dict[str, Any] = dict(schema["properties"])
    for contrast in contrasts.given:
        column_schemas[contrast] = {"type": "string"}
        column_schemas[f"{contrast}_series"] = SERIES
    column_schemas |= dict.fromkeys(contrasts.b_columns, B_VALUE)
    columns = [name for name in rows[0][1] if name]
    free = [name for name in columns if name not in column_schemas and not name.startswith("attr_")]
    meant = {name: _meant(name, [known for known in column_schemas if known not in columns]) for name in free}
    problems = [
        f"column {name!r} is probably {known!r}; rename it, or give it a name that is less like that"
        for name, known in meant.items()
        if known
    ]
    needed = ["scan", "patient", *contrasts.given]
    problems += [f"column {name!r} is missing; every scan needs it" for name in needed if name not in columns]
    if problems:
        raise SheetError("\n".join(f"{sheet}: {problem}" for problem in problems))
    return {name: column_schemas.get(name, {"type": "string"}) for name in columns}, free


def _meant(name: str, known: Sequence[str]) -> str:
    """The known column that a name is a slip of; empty where it is none."""
    return next(iter(get_close_matches(name.casefold(), known, n=1, cutoff=MISTYPED)), "")


def _row_problems(
    number: int, row: Mapping[str, str], columns: Mapping[str, Any], contrasts: Sequence[str]
) -> Iterator[str]:
    where = f"row {number} (scan {_shortened(row['scan'])})"
    if "" in row:
        yield f"{where}: has more fields than the header has columns; quote a field that holds the separator"
    for problem in find_problems(row, {"properties": columns}):
        yield f"{where}: column {problem}"
    for contrast in contrasts:
        if not row[contrast]:
            yield f"{where}: {contrast} is empty; give its files, or take {contrast} out of `contrasts` in the config"
    label, split = row.get("label", ""), row.get("split", "")
    if split in {"train", "validation", "test"} and not label:
        yield (
            f"{where}: split is {split} but label is empty; give one of {', '.join(LABELS)}, or the split predict, or "
            f"{REFERENCE} for a scan without a label that defines the intensity standard"
        )


def _repeated_scans(rows: Sequence[tuple[int, Mapping[str, str]]]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, row in rows:
        scan = row["scan"]
        earlier = first.setdefault(scan.lower(), number)
        if earlier != number:
            yield f"row {number} (scan {_shortened(scan)}): the id is that of row {earlier}; give every scan its own"


def _divided_patients(rows: Sequence[tuple[int, Mapping[str, str]]]) -> Iterator[str]:
    """Patients whose scans are in two splits; scans that are predicted only may be of any patient."""
    splits: dict[str, tuple[str, int]] = {}
    for number, row in rows:
        scan, patient, split = row["scan"], row["patient"], row.get("split", "")
        if split in {"train", "validation", "test"}:
            other, where = splits.setdefault(patient, (split, number))
            if other != split:
                yield (
                    f"row {number} (scan {_shortened(scan)}): patient {patient} is in {split} here and in {other} in "
                    f"row {where}; all scans of a patient belong in one split"
                )


def _scan(number: int, row: Mapping[str, str], folder: Path, contrasts: Contrasts) -> Scan:
    def paths(value: str) -> list[str]:
        return [(folder / part.strip()).as_posix() for part in value.split(";") if part.strip()]

    split = row.get("split", "")
    return Scan(
        scan=row["scan"],
        patient=row["patient"],
        label=row.get("label", ""),
        split="predict" if split == REFERENCE else split,
        site=row.get("site", ""),
        images={contrast: paths(row[contrast]) for contrast in contrasts.given},
        truths={kind: paths(row[kind])[0] for kind in TRUTHS if row.get(kind)},
        overrides=_overrides(row, contrasts),
        attributes={name.removeprefix("attr_"): value for name, value in row.items() if name.startswith("attr_")},
        is_reference=split == REFERENCE,
        row=number,
    )


def _overrides(row: Mapping[str, str], contrasts: Contrasts) -> dict[str, dict[str, Any]]:
    """What the row says of its images beside where they are: the numbers of their series, and b-values."""
    overrides: dict[str, dict[str, Any]] = {}
    for contrast in contrasts.given:
        if numbers := row.get(f"{contrast}_series"):
            overrides.setdefault(contrast, {})["series"] = [int(number) for number in numbers.split(";")]
    for column, contrast in contrasts.b_columns.items():
        if b_value := row.get(column):
            overrides.setdefault(contrast, {})["b_value"] = float(b_value)
    return overrides


def _unusable_paths(scans: Iterable[Scan]) -> Iterator[str]:
    """Paths that are not there, lie among the results, or that Snakemake cannot take."""
    results = RESULTS.resolve()
    for scan in scans:
        where = f"row {scan.row} (scan {scan.scan})"
        named = [*scan.images.items(), *((kind, [path]) for kind, path in scan.truths.items())]
        for column, paths in named:
            for path in paths:
                if not Path(path).exists():
                    yield f"{where}: {column} does not exist: {path}"
                elif Path(path).resolve().is_relative_to(results):
                    yield f"{where}: {column} lies in results/; keep raw images elsewhere"
                elif found := WILDCARD.search(path):
                    yield (
                        f"{where}: {column} has {found[0]} in its path, which Snakemake takes for a wildcard; rename "
                        "that folder or file, or name a link to it"
                    )


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else f"{text[:length]}..."
