"""The course of trainings: every number of every epoch of an entry's runs in one long table."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.evaluation.columns import COLUMNS
from marrow.tables.frames import frame_of, read_table

_log = logging.getLogger(__name__)


def curves_of(run: Mapping[str, Any], history: Path) -> pd.DataFrame:
    """A row for each epoch and quantity that has a value; none where the history is missing, empty or damaged.

    Args:
        run: its dataset, method and seed.
        history: of it.
    """
    try:
        if history.stat().st_size:
            with pq.ParquetFile(history) as file:
                values = file.read().to_pandas().melt("epoch", var_name="quantity")
            return values[np.isfinite(values["value"])].assign(**run)
    except (pa.ArrowException, OSError, KeyError) as error:
        name = " ".join(map(str, run.values()))
        _log.warning("%s of %s cannot be read (%s); its curves are left out", history.name, name, error)
    return frame_of([], COLUMNS["curves"])


class Curves:
    """The curves of an entry, by part, method and quantity.

    Args:
        path: of `curves.csv`.
        parts: data set -> part.
    """

    def __init__(self, path: Path, parts: Mapping[str, str]) -> None:
        table = read_table(path, COLUMNS["curves"])
        keys = [table["dataset"].replace(parts), "method", "quantity"]
        self._values: dict[Any, pd.DataFrame] = dict(iter(table.groupby(keys, sort=False)))

    def quantities(self, method: str) -> list[str]:
        """The quantities in a method's histories, in their order."""
        return list(dict.fromkeys(quantity for _, name, quantity in self._values if name == method))

    def course(self, part: str, method: str, quantity: str) -> pd.DataFrame | None:
        """A quantity of a method's runs, a row a run and a column an epoch, NaN after the end of a shorter run.

        None where the method has no such quantity.
        """
        values = self._values.get((part, method, quantity))
        return None if values is None else values.pivot(index=["dataset", "seed"], columns="epoch", values="value")
