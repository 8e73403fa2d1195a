"""Means over runs and their spread."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from marrow.statistics.means import means_over_runs


def scores(**values):
    rows = [(method, "auc", value) for method, of_runs in values.items() for value in of_runs]
    return pd.DataFrame(rows, columns=["method", "metric", "value"])


def test_deviation_and_error_are_those_of_scipy_over_the_runs_with_a_value():
    values = [0.5, 0.7, 0.4]
    table = means_over_runs(scores(b=[*values, np.nan], a=[0.1]), {"a", "b"})
    assert table["method"].tolist() == ["b", "a"]  # in the order of the runs
    (row, single) = table.to_dict("records")
    assert [row["mean"], row["std"], row["sem"]] == pytest.approx(
        [np.mean(values), stats.tstd(values), stats.sem(values)]
    )
    assert row["n"] == 3
    assert single["mean"] == 0.1
    assert np.isnan([single["std"], single["sem"]]).all()


def test_a_method_of_which_a_run_is_missing_has_no_mean_but_says_how_many_there_are():
    row = means_over_runs(scores(a=[0.5, 0.6, np.nan]), set()).iloc[0]
    assert row[["mean", "std", "sem"]].isna().all()
    assert row["n"] == 2
