"""Metrics as the report calls them, and the numbers of a table in the forms in which they are read."""

from dataclasses import dataclass

from marrow.report.charts.interval_chart import Interval
from marrow.report.tables import Row, Table, number

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
LOWER_IS_BETTER = {"log_loss", "brier", "calibration_error"}
SUMMARY = ("method", "metric", "mean", "std", "sem", "n", "low", "high")


@dataclass(frozen=True)
class Mean:
    """A mean over runs: the number, what stands after the plus-minus sign, and over how many runs."""

    mean: float | None
    std: float | None
    runs: str

    @property
    def text(self) -> str:
        """Mean and standard deviation; empty where the metric is undefined."""
        if self.mean is None:
            return ""
        return f"{self.mean:.3f}" + ("" if self.std is None else f" ± {self.std:.3f}")


def metric_title(metric: str, *, of_class: bool = False) -> str:
    """The name of a metric in words; `of_class` where it is that of one class against the rest."""
    title = TITLES.get(metric, metric.replace("_", " "))
    return title.replace(" (macro)", "") if of_class else title


def mean_of(summary: Table, method: str, metric: str) -> Mean:
    """What a table with the columns of a summary says of a method's metric."""
    found = summary.where(method=method, metric=metric)
    if not found:
        return Mean(None, None, "")
    return Mean(number(found[0]["mean"]), number(found[0]["std"]), found[0]["n"])


def intervals_of(rows: list[Row], names: dict[str, str]) -> list[Interval]:
    """A row of the chart for each row of a summary whose mean is defined."""
    return [
        Interval(
            names.get(row["method"], row["method"]), mean, number(row["low"]), number(row["high"]), f"n {row['n']}"
        )
        for row in rows
        if (mean := number(row["mean"])) is not None
    ]
