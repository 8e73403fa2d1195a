"""Tables of an evaluation as CSV: a header that is always there, and empty cells for numbers that are not."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from marrow.errors import MarrowError

Cell = str | float | None
Row = Mapping[str, Cell]

# The columns of each table; `part` comes last, and is one and the same unless an entry makes several data sets.
COLUMNS = {
    "runs": (
        "dataset", "method", "title", "seed", "status", "reason", "bags", "patients", "accuracy", "balanced_accuracy",
        "sensitivity", "specificity", "f1", "auc", "log_loss", "brier", "calibration_error", "part",
    ),
    "summary": ("method", "metric", "mean", "std", "sem", "n", "low", "high", "part"),
    "comparisons": (
        "method", "reference", "metric", "difference", "low", "high", "p", "p_corrected", "patients", "runs", "part",
    ),
    "confusion": ("method", "label", "predicted", "count", "row_percent", "part"),
    "reliability": ("method", "bin", "low", "high", "count", "mean_probability", "observed", "part"),
    "groups": ("method", "grouping", "group", "metric", "mean", "n", "part"),
    "notes": ("method", "metric", "note", "part"),
    "tables": (
        "table", "row", "column", "metric", "method", "published", "published_spread", "spread_kind", "ours",
        "ours_std", "ours_sem", "ours_n", "low", "high", "p_corrected", "mark", "note", "part",
    ),
    "curves": ("dataset", "method", "seed", "epoch", "quantity", "value"),
}  # fmt: skip


def write_rows(rows: Iterable[Row], kind: str, path: Path) -> None:
    """Write a table; NaN and None are empty cells."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS[kind])
        writer.writerows([_text(row[name]) for name in COLUMNS[kind]] for row in rows)


def read_rows(path: Path, kind: str) -> list[dict[str, str]]:
    """The rows of a table as texts; none in an empty file, which a stopped job leaves.

    Raises:
        MarrowError: columns are missing.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        found = tuple(reader.fieldnames or ())
        lacking = [name for name in COLUMNS[kind] if name not in found]
        if found and lacking:
            raise MarrowError(
                f"{path.name}: column {', '.join(lacking)} is missing; delete the file and run again to make it anew"
            )
        return list(reader)


def number(text: str) -> float:
    """The number in a cell; NaN in an empty one."""
    return float(text) if text else math.nan


def distinct(rows: Sequence[Mapping[str, str]], column: str) -> list[str]:
    """The values of a column, in the order of their first rows."""
    return list(dict.fromkeys(row[column] for row in rows))


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.6g}"
    return "" if cell is None else str(cell)
