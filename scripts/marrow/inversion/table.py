"""Scores as a CSV file: `quantity,metric,value,n,threshold,note`; a number without a value is an empty cell."""

import csv
from collections.abc import Iterable
from dataclasses import astuple, fields
from pathlib import Path

from marrow.inversion.scores import Score

COLUMNS = tuple(field.name for field in fields(Score))


def write_scores(scores: Iterable[Score], path: Path) -> None:
    """Write scores in their order."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_cell(value) for value in astuple(score)] for score in scores)


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value
