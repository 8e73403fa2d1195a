"""What the models predict for each scan: the probability of every class, with its range over seeds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from marrow.report.charts.interval_chart import Interval, IntervalChart, interval_chart
from marrow.report.charts.scale import SHARE
from marrow.report.tables import in_order, load_table
from marrow.runs.columns import probability_of

PROBABILITY = probability_of("")
COLUMNS = {"bag": str, f"{PROBABILITY}*": float}


@dataclass(frozen=True)
class MethodPrediction:
    """What a method predicts for a scan: its title, over how many seeds, and mean, least and greatest of each class."""

    method: str
    seeds: int
    classes: Mapping[str, tuple[float, float, float]]

    @property
    def most_probable(self) -> str:
        """The class with the highest mean probability."""
        return max(self.classes, key=lambda name: self.classes[name][0])


@dataclass(frozen=True)
class ScanPrediction:
    """All methods on one scan: the classes, a prediction a method, and a drawing of the class that most name."""

    classes: tuple[str, ...]
    methods: tuple[MethodPrediction, ...]
    chart: IntervalChart | None


def predictions_of(
    scans: Sequence[str], files: Sequence[Path], titles: Mapping[str, str]
) -> dict[str, list[ScanPrediction]]:
    """Scan -> what is predicted of it, once for each data set in which it is.

    Args:
        scans: the cohort's ids.
        files: `results/{runs or predicted}/{dataset}/{method}/seed-{seed}/predictions.parquet`; an empty one, as of a
            run that was stopped, is left out.
        titles: method -> title, in the order in which they are shown.
    """
    of_dataset: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for path in files:
        dataset, method = path.parts[-4:-2]
        of_dataset[dataset].append(load_table(path, COLUMNS).frame.assign(method=method))
    predictions: dict[str, list[ScanPrediction]] = defaultdict(list)
    for frames in of_dataset.values():
        rows = pd.concat(frames)
        for scan, of_scan in rows[rows["bag"].isin(scans)].groupby("bag"):
            predictions[str(scan)].append(_scan_prediction(of_scan, titles))
    return dict(predictions)


def _scan_prediction(rows: pd.DataFrame, titles: Mapping[str, str]) -> ScanPrediction:
    of_method = {str(method): frame for method, frame in rows.groupby("method", sort=False)}
    predictions = [
        MethodPrediction(titles.get(name, name), len(of_method[name]), classes)
        for name in in_order(list(of_method), list(titles))
        if (classes := _ranges(of_method[name]))
    ]
    classes = tuple(dict.fromkeys(name for one in predictions for name in one.classes))
    called = [one.most_probable for one in predictions]
    most_called = max(classes, key=called.count, default="")
    intervals = [
        Interval(one.method, *one.classes[most_called], note=f"{one.seeds} seeds")
        for one in predictions
        if most_called in one.classes
    ]
    return ScanPrediction(
        classes, tuple(predictions), interval_chart(f"Probability of {most_called}", intervals, SHARE)
    )


def _ranges(rows: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """Class -> mean, least and greatest of its probability; without classes that have none."""
    known = rows.filter(regex=f"^{PROBABILITY}").dropna(axis="columns", how="all")
    names = known.columns.str.removeprefix(PROBABILITY)
    return dict(zip(names, zip(known.mean(), known.min(), known.max(), strict=True), strict=True))
