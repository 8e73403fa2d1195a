"""The runs of an entry: as planned, as evaluated, and the parts in which they are averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from marrow.evaluation.columns import COLUMNS, METRICS
from marrow.evaluation.predictions import Labels, Names, Predictions
from marrow.tables.frames import frame_of

DONE, STOPPED, MISSING = "done", "stopped", "missing"


@dataclass(frozen=True)
class PlannedRun:
    """A run as planned.

    Attributes:
        dataset: name of the manifest.
        method, title, seed: of the run.
        part: which runs it is averaged with: a data set or, cross-validated, an entry with all its folds and repeats.
    """

    dataset: str
    method: str
    title: str
    seed: int
    part: str

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.method} on {self.dataset} with seed {self.seed}"


@dataclass(frozen=True)
class EvaluatedRun:
    """A run with its metrics, or with the reason why it has none.

    Attributes:
        planned: the run.
        status: done, stopped (its training could not go on) or missing.
        reason: why it is not done; of a done run, which metrics are undefined and why.
        predictions: of its test bags; None where it is not done.
        metrics: of the test bags; NaN where one is undefined; none where it is not done.
    """

    planned: PlannedRun
    status: str
    reason: str
    predictions: Predictions | None
    metrics: Mapping[str, float]

    @property
    def key(self) -> tuple[str, int]:
        """What a run is paired by: the same bags and the same seed."""
        return self.planned.dataset, self.planned.seed


@dataclass(frozen=True)
class Part:
    """Runs that are averaged over.

    Attributes:
        name: of the data set, or of the cross-validated entry.
        runs: of every method.
    """

    name: str
    runs: tuple[EvaluatedRun, ...]

    @property
    def methods(self) -> list[str]:
        """The methods, as planned."""
        return list(dict.fromkeys(run.planned.method for run in self.runs))

    def of_method(self, method: str) -> list[EvaluatedRun]:
        """The runs of a method."""
        return [run for run in self.runs if run.planned.method == method]

    def predictions_of(self, method: str) -> list[Predictions]:
        """The predictions of the runs of a method that are done."""
        return [run.predictions for run in self.of_method(method) if run.predictions is not None]

    @property
    def complete_methods(self) -> list[str]:
        """The methods of which no run is missing."""
        return [method for method in self.methods if not not_done(self.of_method(method))]

    @property
    def scores(self) -> pd.DataFrame:
        """A row for each run and metric with `method`, `metric` and `value`; NaN where there is none."""
        rows = [(run.planned.method, name, run.metrics.get(name, np.nan)) for run in self.runs for name in METRICS]
        return pd.DataFrame(rows, columns=["method", "metric", "value"])

    @cached_property
    def patients(self) -> Names:
        """All that some run tests, sorted."""
        return np.unique(np.concatenate([np.array([], np.str_), *(each.patients for each in self._predictions)]))

    @cached_property
    def patient_labels(self) -> Labels:
        """The highest class of each patient's bags, (patients,)."""
        highest = np.zeros(len(self.patients), np.int64)
        for each in self._predictions:
            np.maximum.at(highest, self.rows(each), each.labels)
        return highest

    def rows(self, predictions: Predictions) -> Labels:
        """The number of each bag's patient, (bags,)."""
        return np.searchsorted(self.patients, predictions.patients).astype(np.int64)

    @property
    def _predictions(self) -> list[Predictions]:
        return [run.predictions for run in self.runs if run.predictions is not None]


def parts_of(runs: Sequence[EvaluatedRun]) -> list[Part]:
    """The parts of an entry, in the order of their first runs."""
    names = dict.fromkeys(run.planned.part for run in runs)
    return [Part(name, tuple(run for run in runs if run.planned.part == name)) for name in names]


def not_done(runs: Sequence[EvaluatedRun]) -> list[EvaluatedRun]:
    """The runs without predictions."""
    return [run for run in runs if run.predictions is None]


def table_of(runs: Sequence[EvaluatedRun]) -> pd.DataFrame:
    """The table `runs`: a row a run, with its status, its numbers of bags and patients, and its metrics."""
    rows = [
        {
            **asdict(run.planned),
            "status": run.status,
            "reason": run.reason,
            "bags": None if run.predictions is None else len(run.predictions),
            "patients": None if run.predictions is None else len(np.unique(run.predictions.patients)),
            **run.metrics,
        }
        for run in runs
    ]
    return frame_of(rows, COLUMNS["runs"])
