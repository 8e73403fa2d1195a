"""Scores as a CSV file: `scan,bone,stage,dice,hd95_mm,volume_error`; a number without a value is an empty cell."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from marrow.bones.scores.per_bone import Score
from marrow.errors import MarrowError

COLUMNS = ("scan", "bone", "stage", "dice", "hd95_mm", "volume_error")
NUMBERS = COLUMNS[3:]


def write_scores(scores: Iterable[Score], path: Path) -> None:
    """Write scores in their order, under a header that is there without any score, too."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS)
        for score in scores:
            numbers = (getattr(score, name) for name in NUMBERS)
            writer.writerow([score.scan, score.bone, score.stage, *map(_cell, numbers)])


def read_scores(path: Path) -> list[Score]:
    """The scores in a file, in its order; none in an empty file, which a stopped scan leaves.

    Raises:
        MarrowError: the file has other columns, or a cell is no number.
    """
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        found = tuple(reader.fieldnames or ())
        if found and found != COLUMNS:
            raise MarrowError(
                f"{path.name}: the columns are {', '.join(found)}, not {', '.join(COLUMNS)}; delete the file and run "
                "again to make it anew"
            )
        return [_score(row, f"{path.name}, row {number}") for number, row in enumerate(reader, start=2)]


def _cell(number: float | None) -> str:
    return "" if number is None else f"{number:.6f}"


def _score(row: Mapping[str, str], where: str) -> Score:
    try:
        numbers = {name: float(row[name]) if row[name] else None for name in NUMBERS}
    except (TypeError, ValueError):
        raise MarrowError(
            f"{where}: a score is no number ({', '.join(str(row[name]) for name in NUMBERS)}); delete the file and run "
            "again to make it anew"
        ) from None
    return Score(row["scan"], row["bone"], row["stage"], **numbers)
