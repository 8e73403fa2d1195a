"""Metrics as the report calls them, and the rows of a table by method and metric."""

from collections.abc import Hashable, Mapping

import pandas as pd

from marrow.report.charts.interval_chart import Interval
from marrow.report.tables import Row

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity (macro)",
    "specificity": "specificity (macro)",
    "f1": "F1 (macro)",
    "auc": "AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
DRAWN = ("balanced_accuracy", "f1", "auc", "log_loss")


def metric_title(metric: str, *, of_class: bool = False) -> str:
    """The name of a metric in words; `of_class` where it is that of one class against the rest."""
    title = TITLES.get(metric, metric.replace("_", " "))
    return title.replace(" (macro)", "") if of_class else title


def by_method_and_metric(frame: pd.DataFrame) -> Mapping[Hashable, Row]:
    """(method, metric) -> the row of a table that has one for each."""
    keys = ["method", "metric"]
    return frame.drop_duplicates(keys).set_index(keys, drop=False).to_dict("index")


def intervals_of(frame: pd.DataFrame, titles: Mapping[str, str], value: str = "mean") -> list[Interval]:
    """A row of the chart for each row of a table in which the column `value` has a number."""
    return [
        Interval(
            titles.get(row["method"], row["method"]),
            row[value],
            row["low"],
            row["high"],
            f"n {row['n']}" if "n" in row else "",
        )
        for row in frame.dropna(subset=[value]).to_dict("records")
    ]
