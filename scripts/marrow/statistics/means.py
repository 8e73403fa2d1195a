"""Means over runs (repeats, folds, seeds), and how far the runs spread."""

import math
from collections.abc import Collection

import pandas as pd


def means_over_runs(scores: pd.DataFrame, complete: Collection[str]) -> pd.DataFrame:
    """A row for each method and metric: `mean`, `std` (n - 1), `sem` and the number `n` of runs with a value.

    A metric that is not defined in a run, as in a fold without a case, is averaged over the others. A method of which a
    run is missing has no mean, for one over fewer runs does not compare.

    Args:
        scores: a row for each run and metric with `method`, `metric` and `value`, NaN where it is not defined.
        complete: the methods of which no run is missing.
    """
    values = scores.groupby(["method", "metric"], sort=False)["value"]
    means = values.agg(mean="mean", std="std", sem="sem", n="count").reset_index()
    means.loc[~means["method"].isin(complete), ["mean", "std", "sem"]] = math.nan
    return means
