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
import pyarrow as pa

from marrow.errors import MarrowError

Columns = Mapping[str, type[str] | type[int] | type[float]]

_DTYPES: dict[type, Any] = {str: "str", int: "int64", float: "float64"}
_REMEDY = "delete the file and run again to make it anew"


def frame_of(rows: Iterable[Mapping[str, Any]], columns: Columns) -> pd.DataFrame:
    """A frame of rows, with the declared columns in their order and of their types; None is no number."""
    return _cast(pd.DataFrame.from_records(list(rows), columns=list(columns)), columns)


def joined(frames: Iterable[pd.DataFrame], columns: Columns) -> pd.DataFrame:
    """The rows of several frames, one after the other, with the declared columns."""
    return pd.concat([frame_of([], columns), *(_cast(frame, columns) for frame in frames)], ignore_index=True)


def write_table(frame: pd.DataFrame, columns: Columns, path: Path, digits: int = 6) -> None:
    """Write the declared columns of a frame as CSV, numbers with so many significant digits."""
    frame.to_csv(path, columns=list(columns), index=False, float_format=f"%.{digits}g", lineterminator="\n")


def read_table(path: Path, columns: Columns) -> pd.DataFrame:
    """A table as it was written: CSV, TSV or Parquet by the ending of the file's name.

    Columns beyond the declared ones are left out. A declared name that ends in `*` stands for all columns that begin
    with it, as `p_*` for the probabilities of the classes; there may be none.

    Raises:
        MarrowError: the file is damaged, a column is missing, or a cell is not of its column's type.
    """
    if not path.stat().st_size:
        return frame_of([], _matching(columns, ()))
    try:
        frame = _untyped(path)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise MarrowError(f"{path.name} cannot be read as a table ({type(error).__name__}); {_REMEDY}") from None
    known = _matching(columns, list(frame.columns))
    _check_columns(list(frame.columns), known, path)
    return pd.DataFrame({name: _typed(frame[name], kind, path) for name, kind in known.items()})


def _untyped(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    separator = "\t" if path.suffix == ".tsv" else ","
    frame = pd.read_csv(path, sep=separator, dtype="str", keep_default_na=False, encoding="utf-8")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes cells beyond the header for names of rows
        raise ValueError("rows have more cells than the header")
    return frame


def _matching(columns: Columns, names: Sequence[str]) -> Columns:
    """The declared columns, with those that stand for many replaced by their names in the file."""
    return {
        name: kind
        for declared, kind in columns.items()
        for name in ([n for n in names if n.startswith(declared[:-1])] if declared.endswith("*") else [declared])
    }


def _check_columns(found: Sequence[str], columns: Columns, path: Path) -> None:
    lacking = [name for name in columns if name not in found]
    if lacking:
        raise MarrowError(f"{path.name}: column {', '.join(lacking)} is missing; {_REMEDY}")


def _cast(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    return frame[list(columns)].astype({name: _DTYPES[kind] for name, kind in columns.items()})


def _typed(cells: "pd.Series[Any]", kind: type[str] | type[int] | type[float], path: Path) -> "pd.Series[Any]":
    if kind is str:
        return cells.astype("str").fillna("")
    try:
        return (cells.replace("", "nan") if kind is float else cells).astype(_DTYPES[kind])
    except ValueError as error:
        raise MarrowError(f"{path.name}: in column {cells.name} a cell is no number ({error}); {_REMEDY}") from None
