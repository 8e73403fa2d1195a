"""Repeatability of all runs of an entry in one table: a row for each method and part.

Each run's numbers are means over its bags or patients; a method's are means over its runs that have any. A method of
which a run is missing has no numbers, as everywhere in an evaluation.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from marrow.evaluation.columns import COLUMNS
from marrow.tables.frames import Columns, frame_of, read_table

OF_RUN: Columns = {
    "compared": str, "agreement": float, "with_whole": float, "deviation": float, "difference": float, "right": float,
}  # fmt: skip
# Column of the summary -> what is compared, and the column of a run's table.
NUMBERS: Mapping[str, tuple[str, str]] = {
    "agreement": ("parts", "agreement"),
    "with_whole": ("parts", "with_whole"),
    "deviation": ("parts", "deviation"),
    "majority_right": ("parts", "right"),
    "bags_agreement": ("bags", "agreement"),
    "bags_difference": ("bags", "difference"),
    "bags_majority_right": ("bags", "right"),
}


def repeatability_of(runs: Iterable[tuple[str, str, Path]]) -> pd.DataFrame:
    """The table of an entry.

    Args:
        runs: method, part and table of each run; the table is empty where the run was stopped.
    """
    rows = pd.DataFrame([{"method": method, "part": part} | _numbers(path) for method, part, path in runs])
    if rows.empty:
        return frame_of([], COLUMNS["repeatability"])
    groups = rows.groupby(["part", "method"], sort=False)
    is_complete = groups["is_there"].all()
    means = groups[list(NUMBERS)].mean().where(is_complete)
    counts = groups[["bags", "patients"]].sum()
    return means.join(counts).assign(runs=groups["is_there"].sum()).reset_index()


def _numbers(path: Path) -> dict[str, float | bool]:
    table = read_table(path, OF_RUN)
    counts = table["compared"].value_counts()
    means = {
        name: float(table.loc[table["compared"] == compared, column].mean())
        for name, (compared, column) in NUMBERS.items()
    }
    bags, patients = int(counts.get("parts", 0)), int(counts.get("bags", 0))
    return {"is_there": path.stat().st_size > 0, "bags": bags, "patients": patients, **means}
