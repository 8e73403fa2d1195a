"""An entry's methods side by side: what ran, how well each did, and which differences the data carry."""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial

import pandas as pd
from markupsafe import Markup

from marrow.evaluation.columns import LOWER_IS_BETTER
from marrow.report.charts.confusion import confusion_matrix
from marrow.report.charts.interval_chart import IntervalChart, interval_chart
from marrow.report.charts.line_chart import LineChart, Series, line_chart, points_of
from marrow.report.charts.scale import LOSS, SHARE
from marrow.report.charts.training_curves import training_curves
from marrow.report.entries import Entry
from marrow.report.metrics import DRAWN, by_method_and_metric, intervals_of, metric_title
from marrow.report.page import render
from marrow.report.sections.comparison_readings import (
    COMPARISON,
    CONFUSION,
    CURVES,
    METRICS,
    PAPERS,
    RELIABILITY,
    REPEATABILITY,
)
from marrow.report.sections.experts import READING as EXPERTS
from marrow.report.sections.experts import expert_views
from marrow.report.tables import Row


def comparison(entry: Entry, significance: float) -> Markup:
    """The methods of an entry; a corrected p below `significance` shows a difference."""
    tables = {name: table.frame for name, table in entry.tables.items()}
    runs, groups = tables["runs"], tables["groups"]
    metrics = [name for name in entry.tables["summary"].distinct("metric") if name]
    compared = [name for name in DRAWN if name in tables["comparisons"]["metric"].array]
    return render(
        "sections/comparison.html.j2",
        entry=entry,
        metric_title=metric_title,
        figures=_figures(entry),
        untested=_why_untested(runs),
        lacking=runs[runs["status"] != "done"].to_dict("records"),
        run_metrics=[name for name in metrics if name in runs],
        metrics=metrics,
        lower=LOWER_IS_BETTER,
        undefined=entry.undefined(),
        means=_means(entry, metrics),
        charts=_charts(entry, metrics),
        differences=_difference_charts(entry, compared),
        compared=compared,
        against=_cells(entry, "comparisons", compared),
        significance=f"{significance:g}",
        verdict=partial(_verdict, significance=significance),
        matrices=[confusion_matrix(entry.title(m), rows) for m, rows in _by_method(entry, "confusion")],
        reliabilities=_reliabilities(entry),
        groups=groups.dropna(subset=["mean"]).to_dict("records"),
        curves=training_curves(entry),
        notes=_notes(entry, of_metrics=True),
        experts=expert_views(entry),
        how_experts=EXPERTS,
        notes_compared=_notes(entry, of_metrics=False),
        repeated=entry.tables["repeatability"].rows,
        how=METRICS,
        how_repeated=REPEATABILITY,
        how_compared=COMPARISON,
        how_confused=CONFUSION,
        how_reliable=RELIABILITY,
        how_learned=CURVES,
        how_published=PAPERS,
    )


def _figures(entry: Entry) -> list[tuple[str, int, str]]:
    """Name, number and status of the large figures."""
    states = entry.states
    return [
        ("methods", len(entry.methods("runs")), ""),
        ("runs planned", len(entry.tables["runs"].frame), ""),
        ("done", states["done"], "ok"),
        ("stopped", states["stopped"], "stopped"),
        ("missing", states["missing"], "warned"),
    ]


def _why_untested(runs: pd.DataFrame) -> str:
    """Why no run that is done could be measured; empty where one was."""
    done = runs[runs["status"] == "done"]
    return done["reason"].iloc[0] if len(done) and not done["bags"].any() else ""


def _notes(entry: Entry, *, of_metrics: bool) -> list[str]:
    """What the evaluation has to say of intervals of metrics, or of the comparison as a whole."""
    about: dict[str, list[str]] = {}
    for row in entry.tables["notes"].rows:
        if bool(row["metric"]) == of_metrics:
            method = f" of {entry.title(row['method'])}" if row["method"] else ""
            about.setdefault(row["note"], []).append(metric_title(row["metric"]) + method)
    return [f"{', '.join(names)}: {note}" if of_metrics else note for note, names in about.items()]


def _by_method(entry: Entry, table: str) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each method of a table, in the order of the config."""
    frame = entry.tables[table].frame
    return [(method, frame[frame["method"] == method]) for method in entry.methods(table)]


def _cells(entry: Entry, table: str, metrics: Sequence[str]) -> list[tuple[str, list[Row | None]]]:
    """A row per method: its title, and for each metric the table's row of it."""
    row_of = by_method_and_metric(entry.tables[table].frame)
    return [(entry.title(m), [row_of.get((m, metric)) for metric in metrics]) for m in entry.methods(table)]


def _means(entry: Entry, metrics: Sequence[str]) -> list[tuple[str, list[Row | None], int]]:
    """A row per method: its title, a row of the summary per metric, and over how many runs most of them are."""
    rows: list[tuple[str, list[Row | None], int]] = []
    for title, cells in _cells(entry, "summary", metrics):
        counts = Counter(cell["n"] for cell in cells if cell and not math.isnan(cell["mean"]))
        rows.append((title, cells, counts.most_common(1)[0][0] if counts else 0))
    return rows


def _charts(entry: Entry, metrics: Sequence[str]) -> list[IntervalChart]:
    drawn = [name for name in DRAWN if name in metrics] or list(metrics)[:4]
    charts = (
        interval_chart(
            metric_title(metric) + (", lower is better" if metric in LOWER_IS_BETTER else ""),
            intervals_of(_of_metric(entry, "summary", metric), entry.titles),
            LOSS if metric in LOWER_IS_BETTER else SHARE,
        )
        for metric in drawn
    )
    return list(filter(None, charts))


def _difference_charts(entry: Entry, metrics: Sequence[str]) -> list[IntervalChart]:
    charts: list[IntervalChart | None] = []
    for metric in metrics:
        rows = _of_metric(entry, "comparisons", metric)
        reference = entry.title(next(iter(rows["reference"]), ""))
        title = f"{metric_title(metric)}, less that of {reference}"
        charts.append(interval_chart(title, intervals_of(rows, entry.titles, "difference"), marks_zero=True))
    return list(filter(None, charts))


def _of_metric(entry: Entry, table: str, metric: str) -> pd.DataFrame:
    """The rows of a metric, methods in the order of the config."""
    order = entry.methods(table)
    frame = entry.tables[table].frame
    rows = frame[(frame["metric"] == metric) & frame["method"].isin(order)]
    return rows.sort_values("method", key=lambda methods: methods.map(order.index), kind="stable")


def _verdict(row: Row, significance: float) -> str:
    """What a comparison shows, in words."""
    p, difference = row["p_corrected"], row["difference"]
    if math.isnan(p) or math.isnan(difference):
        return "undefined"
    if p >= significance:
        return "not shown to differ"
    return "better" if (difference < 0) == (row["metric"] in LOWER_IS_BETTER) else "worse"


def _reliabilities(entry: Entry) -> list[LineChart]:
    charts: list[LineChart | None] = []
    for method, rows in _by_method(entry, "reliability"):
        title = entry.title(method)
        points = points_of(rows.dropna(subset=["mean_probability", "observed"]), "mean_probability", "observed")
        series = [Series(title, points, has_dots=True)]
        charts.append(line_chart(title, series, "mean probability", x_least=SHARE, y_least=SHARE, has_diagonal=True))
    return list(filter(None, charts))
