"""Tables of other stages, read without ever failing: what is missing or damaged gives a reason in place of rows.

A stage that was stopped leaves empty files and a record with the reason; a copy that broke off leaves half a file. A
report that dies of either would tell nobody anything.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from marrow.errors import MarrowError
from marrow.tables.frames import Columns, frame_of, read_table
from marrow.workflow.record import read_record, record_of

Row = Mapping[Hashable, Any]  # column -> value


@dataclass(frozen=True)
class Table:
    """A table of another stage.

    Attributes:
        frame: its declared columns; a number that does not exist or is not finite is NaN.
        why: why there is nothing to show; empty where there is something.
    """

    frame: pd.DataFrame
    why: str = ""

    @property
    def rows(self) -> Sequence[Row]:
        """The rows, for a template."""
        return self.frame.to_dict("records")

    def distinct(self, column: str) -> list[str]:
        """The different values of a column, in the order in which they come."""
        return self.frame[column].unique().tolist()


def load_table(path: Path | None, columns: Columns) -> Table:
    """The declared columns of a file; see `marrow.tables.frames`."""
    why = why_absent(path)
    if not why and path is not None:
        try:
            frame = read_table(path, columns).replace([math.inf, -math.inf], math.nan)
            return Table(frame, "" if len(frame) else f"{path.name} has no rows")
        except MarrowError as error:
            why = str(error)
    return Table(frame_of([], {name: kind for name, kind in columns.items() if not name.endswith("*")}), why)


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


def in_order(names: list[str], first: list[str]) -> list[str]:
    """Different names: those of `first` in its order, then the others in theirs."""
    return [*(name for name in first if name in names), *(name for name in dict.fromkeys(names) if name not in first)]
