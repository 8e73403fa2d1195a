"""Tables with declared columns as pandas frames: one way to write them and one to read them.

A table is declared once, where it is made: column -> `str`, `int` or `float`, in the order of its file. A number that
does not exist is NaN in a frame and an empty cell in the file; so a column that may lack numbers is `float`. A text is
never missing: an empty cell is the empty text. What a stopped job leaves is an empty file, which is a table without
rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from marrow.errors import MarrowError

Columns = Mapping[str, type[str] | type[int] | type[float]]

_DTYPES: dict[type, Any] = {str: "str", int: "int64", float: "float64"}
_REMEDY = "delete the file and run again to make it anew"


def frame_of(rows: Iterable[Mapping[str, Any]], columns: Columns) -> pd.DataFrame:
    """A frame of rows, with the declared columns in their order and of their types; None is no number."""
    return _typed(pd.DataFrame.from_records(list(rows), columns=list(columns)), columns)


def joined(frames: Iterable[pd.DataFrame], columns: Columns) -> pd.DataFrame:
    """The rows of several frames, one after the other, with the declared columns."""
    return pd.concat([frame_of([], columns), *(_typed(frame, columns) for frame in frames)], ignore_index=True)


def write_table(frame: pd.DataFrame, columns: Columns, path: Path, digits: int = 6) -> None:
    """Write the declared columns of a frame as CSV, numbers with so many significant digits."""
    frame.to_csv(path, columns=list(columns), index=False, float_format=f"%.{digits}g", lineterminator="\n")


def read_table(path: Path, columns: Columns) -> pd.DataFrame:
    """A table as it was written; columns beyond the declared ones are left out.

    Raises:
        MarrowError: a column is missing, or a cell is not of its column's type.
    """
    if not path.stat().st_size:
        return frame_of([], columns)
    try:
        texts = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, UnicodeDecodeError):
        raise MarrowError(f"{path.name} is no table of comma-separated values; {_REMEDY}") from None
    _check_columns(list(texts.columns), columns, path)
    return pd.DataFrame({name: _parsed(texts[name], kind, path) for name, kind in columns.items()})


def _check_columns(found: Sequence[str], columns: Columns, path: Path) -> None:
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise MarrowError(f"{path.name}: column {', '.join(lacking)} is missing; {_REMEDY}")


def _typed(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    return frame[list(columns)].astype({name: _DTYPES[kind] for name, kind in columns.items()})


def _parsed(cells: "pd.Series[str]", kind: type[str] | type[int] | type[float], path: Path) -> "pd.Series[Any]":
    if kind is str:
        return cells
    try:
        return (cells.replace("", "nan") if kind is float else cells).astype(_DTYPES[kind])
    except ValueError as error:
        raise MarrowError(f"{path.name}: in column {cells.name} a cell is no number ({error}); {_REMEDY}") from None
