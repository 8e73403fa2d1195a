"""Runs that were planned, what became of each, and which of them are averaged over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from marrow.evaluation.predictions import Labels, Names, Predictions

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

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "PlannedRun":
        """As the rule's params have it."""
        return cls(**settings)

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.method} on {self.dataset} with seed {self.seed}"


@dataclass(frozen=True)
class JudgedRun:
    """What became of a run.

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
    runs: tuple[JudgedRun, ...]

    @property
    def methods(self) -> dict[str, str]:
        """Method -> title, as planned."""
        return {run.planned.method: run.planned.title for run in self.runs}

    def of_method(self, method: str) -> tuple[JudgedRun, ...]:
        """The runs of a method."""
        return tuple(run for run in self.runs if run.planned.method == method)

    @cached_property
    def patients(self) -> Names:
        """All that some run tests, sorted."""
        return np.unique(np.concatenate([np.array([], np.str_), *(each.patients for each in self._tested)]))

    @cached_property
    def patient_labels(self) -> Labels:
        """The highest class of each patient's bags, (patients,)."""
        highest = np.zeros(len(self.patients), np.int64)
        for each in self._tested:
            np.maximum.at(highest, self.rows(each), each.labels)
        return highest

    def rows(self, predictions: Predictions) -> Labels:
        """The number of each bag's patient, (bags,)."""
        return np.searchsorted(self.patients, predictions.patients).astype(np.int64)

    @property
    def _tested(self) -> list[Predictions]:
        return [run.predictions for run in self.runs if run.predictions is not None]


def parts_of(runs: Sequence[JudgedRun]) -> list[Part]:
    """The parts of an entry, in the order of their first runs."""
    names = dict.fromkeys(run.planned.part for run in runs)
    return [Part(name, tuple(run for run in runs if run.planned.part == name)) for name in names]


def not_done(runs: Sequence[JudgedRun]) -> list[JudgedRun]:
    """The runs without predictions."""
    return [run for run in runs if run.predictions is None]
