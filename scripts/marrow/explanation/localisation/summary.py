"""The scores of all runs of an entry in one table: mean, spread and interval of each method and metric.

Mean, standard deviation (n - 1) and standard error are over runs: seeds, and folds where there are. A method of which a
run is missing has no mean: one over fewer runs would not compare. A metric that is undefined in a run, as in a fold
without a key instance, is averaged over the others, and n tells how many.

The interval is the bootstrap's by patient, 95% by percentiles: the numbers of a patient's bags are averaged over bags
and runs first, then patients are drawn. It needs metrics that single bags have and two patients; others have none.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

DRAWS = 2000
COVERED = 0.95

Values = Mapping[tuple[str, str], float | None]


@dataclass(frozen=True)
class RunScores:
    """The scores of a run.

    Attributes:
        method: of the run.
        values: (quantity, metric) -> value, None where undefined; empty where the run is missing.
        by_patient: (quantity, metric) -> patient -> the values of the patient's bags.
    """

    method: str
    values: Values
    by_patient: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]


@dataclass(frozen=True)
class Row:
    """A row of the table; None where there is no number."""

    method: str
    metric: str
    mean: float | None
    std: float | None
    sem: float | None
    n: int
    low: float | None
    high: float | None


def summarise(runs: Iterable[RunScores]) -> Iterator[Row]:
    """The rows, method after method, metric after metric."""
    by_method: dict[str, list[RunScores]] = defaultdict(list)
    for run in runs:
        by_method[run.method].append(run)
    for method, of_method in by_method.items():
        is_whole = all(run.values for run in of_method)
        for key in dict.fromkeys(key for run in of_method for key in run.values):
            defined = [value for run in of_method if (value := run.values.get(key)) is not None]
            shown = defined if is_whole else []
            std = statistics.stdev(shown) if len(shown) > 1 else None
            low, high = _interval(key, of_method) if shown else (None, None)
            yield Row(
                method=method,
                metric=":".join(key),
                mean=statistics.fmean(shown) if shown else None,
                std=std,
                sem=None if std is None else std / math.sqrt(len(shown)),
                n=len(defined),
                low=low,
                high=high,
            )


def _interval(key: tuple[str, str], runs: Sequence[RunScores]) -> tuple[float | None, float | None]:
    """Low and high end, from one number a patient."""
    values: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for patient, found in run.by_patient.get(key, {}).items():
            values[patient] += found
    means = [statistics.fmean(values[patient]) for patient in sorted(values)]
    if len(means) < 2:
        return None, None
    if len(set(means)) == 1:
        return means[0], means[0]
    drawn = bootstrap(
        (means,),
        np.mean,
        n_resamples=DRAWS,
        confidence_level=COVERED,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(drawn.low), float(drawn.high)
