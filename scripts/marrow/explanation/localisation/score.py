"""Scores of localisation as CSV files; a number without a value is an empty cell, and its note says why."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from marrow.errors import MarrowError


@dataclass(frozen=True)
class Score:
    """One number of a run.

    Attributes:
        quantity: which score of instances is judged.
        metric: by which measure.
        value: None where it is undefined.
        n: how many bags (or lesions, or bones; the note says so) it is made of.
        threshold: from which score on an instance is marked, where the metric needs one; chosen on validation bags.
        note: what is counted, or why there is no value.
    """

    quantity: str
    metric: str
    value: float | None
    n: int
    threshold: float | None = None
    note: str = ""


@dataclass(frozen=True)
class BagScore:
    """One number of a bag, from which intervals by patient are made."""

    quantity: str
    metric: str
    bag: str
    patient: str
    value: float


Row = TypeVar("Row", bound=Any)


def write_rows(rows: Iterable[Row], kind: type[Row], path: Path) -> None:
    """Write dataclasses of one kind, under a header that is there without any row, too."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow([field.name for field in fields(kind)])
        writer.writerows([_cell(value) for value in astuple(row)] for row in rows)


def read_rows(path: Path, columns: Sequence[str]) -> list[Mapping[str, str]]:
    """The rows of such a file; none where it is empty, which a stopped run leaves.

    Raises:
        MarrowError: it has other columns.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        found = list(reader.fieldnames or ())
        if found and found != list(columns):
            raise MarrowError(
                f"{path.name}: the columns are {', '.join(found)}, not {', '.join(columns)}; delete the file and its "
                "record, and run again to make it anew"
            )
        return list(reader)


def columns_of(kind: type[Any]) -> list[str]:
    """The columns that dataclasses of a kind have."""
    return [field.name for field in fields(kind)]


def number(cell: str) -> float | None:
    """The number in a cell; None where it is empty."""
    return float(cell) if cell else None


def _cell(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
