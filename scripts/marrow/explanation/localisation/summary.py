"""The localisation scores of all runs of an entry in one table: mean, spread and interval of each method and metric.

Means and spreads are over runs (`marrow.statistics.means`). The interval is the bootstrap's by patient, 95% by
percentiles: the numbers of a patient's bags are averaged over bags and runs first, then patients are drawn. It needs a
metric that single bags have, and two patients; other rows have none.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from marrow.statistics.means import means_over_runs
from marrow.statistics.resampling import mean_interval
from marrow.tables.frames import Columns, joined, read_table

DRAWS = 2000
AREA = "perturbation_area"

SUMMARY: Columns = {
    "method": str,
    "metric": str,
    "mean": float,
    "std": float,
    "sem": float,
    "n": int,
    "low": float,
    "high": float,
}
VALUES: Columns = {"method": str, "metric": str, "value": float}
PATIENTS: Columns = {"method": str, "metric": str, "patient": str, "value": float}


@dataclass(frozen=True)
class RunFiles:
    """The tables of a run, CSV; empty where a job was stopped.

    Attributes:
        method: of the run.
        scores: of the run.
        bag_scores: of its bags.
        perturbation: the probabilities after dropping instances; None where nothing is dropped.
        inversion: scores after inversion; None where the run is not inverted.
    """

    method: str
    scores: Path
    bag_scores: Path
    perturbation: Path | None
    inversion: Path | None


def summary_of(runs: Sequence[RunFiles]) -> pd.DataFrame:
    """The table of some runs, method after method."""
    methods = [run.method for run in runs]
    in_order = sorted(runs, key=lambda run: methods.index(run.method))
    scores = [_scores(run) for run in in_order]
    stopped = {run.method for run, values in zip(in_order, scores, strict=True) if values.empty}
    of_bags = joined((_bag_scores(run) for run in in_order), PATIENTS)
    return summarise(joined(scores, VALUES), of_bags, set(methods) - stopped)


def summarise(scores: pd.DataFrame, bag_scores: pd.DataFrame, complete: Collection[str]) -> pd.DataFrame:
    """Means, spreads and intervals.

    Args:
        scores: the columns `VALUES`, a row for each run and metric.
        bag_scores: the columns `PATIENTS`, a row for each run, metric and bag.
        complete: the methods of which no run is missing; others have neither means nor intervals.
    """
    table = means_over_runs(scores, complete)
    keys = ["method", "metric"]
    of_patients = bag_scores.groupby([*keys, "patient"])["value"].mean().groupby(keys)
    ends = {key: mean_interval(values.to_numpy(), DRAWS, seed=0) for key, values in of_patients}
    without = (math.nan, math.nan)
    rows = zip(table["method"], table["metric"], table["mean"].notna(), strict=True)
    intervals = [ends.get((method, metric), without) if has_mean else without for method, metric, has_mean in rows]
    table[["low", "high"]] = pd.DataFrame(intervals, columns=["low", "high"], index=table.index)
    return table


def _scores(run: RunFiles) -> pd.DataFrame:
    """The columns `VALUES` of a run; without rows where it was stopped."""
    own: Columns = {"quantity": str, "metric": str, "value": float}
    tables = [read_table(run.scores, own)]
    if not tables[0].empty:
        if run.perturbation:
            areas = read_table(run.perturbation, {"quantity": str, "area": float})
            tables.append(areas.rename(columns={"area": "value"}).assign(metric=AREA))
        if run.inversion:
            tables.append(read_table(run.inversion, own))
    # Attention as it is has scores in the table of the inversion, too: those of the run's own table count.
    return _named(tables, run.method).drop_duplicates("metric")


def _bag_scores(run: RunFiles) -> pd.DataFrame:
    columns: Columns = {"quantity": str, "metric": str, "patient": str, "value": float}
    return _named([read_table(run.bag_scores, columns)], run.method)


def _named(tables: Iterable[pd.DataFrame], method: str) -> pd.DataFrame:
    """Tables of a run in one, with its method, and metrics as `quantity:metric`."""
    table = pd.concat(tables)
    return table.assign(method=method, metric=table["quantity"] + ":" + table["metric"])
