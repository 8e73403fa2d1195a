"""Curves of localisation: lesions found against false marks, and what a model predicts as instances are taken out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from marrow.report.charts.line_chart import LineChart, Series, line_chart, points_of
from marrow.report.entries import Entry
from marrow.report.tables import in_order, load_table
from marrow.tables.frames import Columns, joined

FROC: Columns = {"quantity": str, "scans": str, "false_marks": float, "sensitivity": float}
PERTURBATION: Columns = {"quantity": str, "dropped": float, "top": float, "random": float}
POSITIVE = "positive"  # the scans that have lesions
FALSE_MARKS = np.linspace(0, 10, 41)  # in a scan, at which runs are averaged


@dataclass(frozen=True)
class LocalisationCurves:
    """Charts of one kind, one a method; `quantities` are the instance scores with the colour of each."""

    title: str
    charts: tuple[LineChart, ...]
    quantities: tuple[tuple[str, int], ...]

    @property
    def has_faint(self) -> bool:
        """Whether a line stands behind the others."""
        return any(line.is_faint for chart in self.charts for line in chart.lines)


def localisation_curves(entry: Entry, files: Sequence[Path]) -> list[LocalisationCurves]:
    """The curves of an entry's methods, each the mean over its runs.

    Args:
        entry: whose runs.
        files: `results/localisation/{dataset}/{method}/seed-{seed}/{froc or perturbation}.csv` of all runs.
    """
    froc = _rows_of_runs(entry, files, "froc.csv", FROC)
    drops = _rows_of_runs(entry, files, "perturbation.csv", PERTURBATION)
    hues = {name: hue for hue, name in enumerate(pd.concat([froc["quantity"], drops["quantity"]]).unique())}
    both = [
        _charts(entry, "Lesions found", "false marks a scan", froc, hues, _sensitivity),
        _charts(entry, "Probability of the class", "share of instances taken out", drops, hues, _probability),
    ]
    return [curves for curves in both if curves.charts]


def _rows_of_runs(entry: Entry, files: Sequence[Path], name: str, columns: Columns) -> pd.DataFrame:
    """The rows of all runs of an entry, with the method of each and the number of its run."""
    frames = (
        load_table(path, columns).frame.assign(method=path.parts[-3], run=run)
        for run, path in enumerate(files)
        if path.name == name and path.parts[-4] in entry.datasets
    )
    return joined(frames, {**columns, "method": str, "run": int})


def _charts(
    entry: Entry,
    title: str,
    x_name: str,
    rows: pd.DataFrame,
    hues: Mapping[str, int],
    series_of: Callable[[str, int, pd.DataFrame], Iterator[Series]],
) -> LocalisationCurves:
    of_score = dict(iter(rows.groupby(["method", "quantity"])))
    charts = (
        line_chart(
            entry.title(method),
            [one for name, hue in hues.items() if (method, name) in of_score
             for one in series_of(name, hue, of_score[method, name])],
            x_name,
            x_least=(0.0, 0.0),
            y_least=(0.0, 1.0),
        )
        for method in in_order(rows["method"].tolist(), list(entry.titles))
    )  # fmt: skip
    quantities = tuple((name, hues[name]) for name in rows["quantity"].unique())
    return LocalisationCurves(title, tuple(filter(None, charts)), quantities)


def _sensitivity(quantity: str, hue: int, rows: pd.DataFrame) -> Iterator[Series]:
    """The share of lesions found with at most so many false marks, over scans that have lesions."""
    known = rows[rows["scans"] == POSITIVE].dropna()
    runs = [run.sort_values("false_marks") for _, run in known.groupby("run")]
    if runs:
        highest = [np.r_[0.0, run["sensitivity"].cummax()] for run in runs]
        reached = [np.searchsorted(run["false_marks"], FALSE_MARKS, side="right") for run in runs]
        mean = np.mean([steps[index] for steps, index in zip(highest, reached, strict=True)], 0)
        yield Series(quantity, tuple(zip(FALSE_MARKS.tolist(), mean.tolist(), strict=True)), hue)


def _probability(quantity: str, hue: int, rows: pd.DataFrame) -> Iterator[Series]:
    """The probability when the highest instances are taken out, and when any are."""
    means = rows.groupby("dropped")[["random", "top"]].mean().reset_index()
    for column, name, is_faint in (("random", f"{quantity}, any instances", True), ("top", quantity, False)):
        known = means.dropna(subset=[column])
        if len(known):
            yield Series(name, points_of(known, "dropped", column), hue, is_faint)
