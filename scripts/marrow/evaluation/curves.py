"""The course of trainings: every number of every epoch of an entry's runs in one long table."""

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from marrow.evaluation.cells import COLUMNS, Row
from marrow.evaluation.predictions import Numbers

EPOCH = "epoch"
_log = logging.getLogger(__name__)


def curve_rows(run: Mapping[str, Any], history: Path) -> Iterator[Row]:
    """A row for each epoch and quantity that has a value; none where the history is missing, empty or damaged.

    Args:
        run: its dataset, method and seed.
        history: of it.
    """
    try:
        if history.stat().st_size == 0:
            return
        with pq.ParquetFile(history) as file:
            table = file.read()
        epochs = table[EPOCH].to_pylist()
    except (pa.ArrowException, OSError, KeyError) as error:
        _log.warning(
            "%s of %s cannot be read (%s); its curves are left out",
            history.name,
            " ".join(map(str, run.values())),
            error,
        )
        return
    for quantity in table.column_names:
        if quantity == EPOCH:
            continue
        for epoch, value in zip(epochs, table[quantity].to_pylist(), strict=True):
            if value is not None and math.isfinite(value):
                yield {**run, "epoch": epoch, "quantity": quantity, "value": float(value)}


@dataclass(frozen=True)
class Course:
    """A quantity over epochs, of several runs.

    Attributes:
        epochs: (epochs,).
        values: (runs, epochs); NaN after the end of a shorter run.
    """

    epochs: Numbers
    values: Numbers


class Curves:
    """The curves of an entry, by part, method and quantity.

    Args:
        path: of `curves.csv`.
        parts: data set -> part.
    """

    def __init__(self, path: Path, parts: Mapping[str, str]) -> None:
        kinds = {name: pa.string() for name in ("dataset", "method", "seed", "quantity")}
        options = pc.ConvertOptions(column_types=kinds | {"epoch": pa.float64(), "value": pa.float64()})
        table = pc.read_csv(path, convert_options=options)
        columns = zip(*(table[name].to_pylist() for name in COLUMNS["curves"]), strict=True)
        self._rows: dict[tuple[str, str, str], list[tuple[str, float, float]]] = {}
        for dataset, method, seed, epoch, quantity, value in columns:
            place = parts.get(dataset, dataset), method, quantity
            self._rows.setdefault(place, []).append((f"{dataset} {seed}", epoch, value))

    def quantities(self, method: str) -> list[str]:
        """What a method's histories have, in their order."""
        return list(dict.fromkeys(quantity for _, name, quantity in self._rows if name == method))

    def course(self, part: str, method: str, quantity: str) -> Course | None:
        """A quantity of a method's runs; None where it has none."""
        rows = self._rows.get((part, method, quantity))
        if not rows:
            return None
        runs = {name: index for index, name in enumerate(dict.fromkeys(name for name, _, _ in rows))}
        epochs = np.unique([epoch for _, epoch, _ in rows])
        values = np.full((len(runs), len(epochs)), np.nan)
        columns = np.searchsorted(epochs, [epoch for _, epoch, _ in rows])
        values[[runs[name] for name, _, _ in rows], columns] = [value for _, _, value in rows]
        return Course(epochs, values)
