"""Tables that other stages wrote, read without ever failing: what is missing or cannot be used is told with its reason.

A stage that was stopped leaves empty files and a record with the reason; a copy that broke off leaves half a file. A
report that dies of either would tell nobody anything.
"""

import csv
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from marrow.workflow.record import read_record, record_of

Row = Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        columns: their names.
        rows: column -> text of the cell, empty where there is no value.
        why: why there is nothing to show; empty where there is something.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    why: str = ""

    def where(self, **values: str) -> list[Row]:
        """The rows in which columns have these values."""
        return [row for row in self.rows if all(row.get(name) == value for name, value in values.items())]

    def of(self, column: str) -> list[str]:
        """The different values of a column, in the order in which they come."""
        return list(dict.fromkeys(row.get(column, "") for row in self.rows))


def read_csv(path: Path | None, columns: Sequence[str] = ()) -> Table:
    """A table of comma-separated values; `columns` are those that it must have."""
    return _read(path, columns, _csv_rows)


def read_parquet(path: Path | None, columns: Sequence[str] = ()) -> Table:
    """A Parquet table, its values as text."""
    return _read(path, columns, _parquet_rows)


def why_absent(path: Path | None) -> str:
    """Why a file has no content; empty where it has some."""
    if path is None:
        return "nothing in this run makes it"
    if path.is_file() and path.stat().st_size:
        return ""
    record = read_record(record_of(path))
    if record and record.stopped:
        return f"{record.stopped.stage} was stopped ({record.stopped.check}): {record.stopped.message}"
    state = "is empty" if path.is_file() else "is missing"
    return f"{'/'.join(path.parts[-3:])} {state}; run the workflow again, or copy it whole"


def number(text: str | None) -> float | None:
    """The number in a cell; None where there is none, or none that is finite."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _read(
    path: Path | None, columns: Sequence[str], rows_of: Callable[[Path], tuple[tuple[str, ...], list[Row]]]
) -> Table:
    why = why_absent(path)
    if why or path is None:
        return Table(why=why)
    try:
        found, rows = rows_of(path)
    except (csv.Error, UnicodeDecodeError, pa.ArrowException, OSError, ValueError) as error:
        return Table(why=f"{path.name} cannot be read ({type(error).__name__}); delete it and run again")
    missing = [name for name in columns if name not in found]
    if missing:
        return Table(why=f"{path.name} lacks the column {', '.join(missing)}; delete it and run again")
    return Table(found, tuple(rows), "" if rows else f"{path.name} has no rows")


def _csv_rows(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines, restkey="", restval="")
        columns = tuple(reader.fieldnames or ())
        return columns, [{name: row[name] or "" for name in columns} for row in reader]


def _parquet_rows(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    table = pq.read_table(path)
    columns: dict[str, list[Any]] = {name: table[name].to_pylist() for name in table.column_names}
    texts = {name: ["" if value is None else str(value) for value in values] for name, values in columns.items()}
    rows = [dict(zip(texts, cells, strict=True)) for cells in zip(*texts.values(), strict=True)]
    return tuple(columns), list(rows)
