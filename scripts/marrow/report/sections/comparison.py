"""An entry's methods side by side: what ran, how well each did, and which differences the data carry."""

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from marrow.report.charts.confusion import Crossing, crossing_of
from marrow.report.charts.curves import courses_of
from marrow.report.charts.interval_chart import Interval, IntervalChart, interval_chart
from marrow.report.charts.line_chart import LineChart, Series, line_chart
from marrow.report.charts.scale import LOSS, SHARE
from marrow.report.entries import Entry
from marrow.report.metrics import DRAWN, LOWER_IS_BETTER, Mean, intervals_of, mean_of, metric_title
from marrow.report.page import render
from marrow.report.sections.comparison_readings import COMPARISON, CONFUSION, CURVES, METRICS, PAPERS, RELIABILITY
from marrow.report.tables import Row, Table, number


def comparison(entry: Entry, significance: float) -> Markup:
    """The methods of an entry; a corrected p below `significance` shows a difference."""
    tables = entry.tables
    summary, against = tables["summary"], tables["comparisons"]
    metrics = [name for name in summary.of("metric") if name]
    return render(
        "comparison.html.j2",
        entry=entry,
        metric_title=metric_title,
        number=number,
        figures=_figures(entry),
        lacking=[row for row in tables["runs"].rows if row["status"] != "done"],
        run_metrics=[name for name in metrics if name in tables["runs"].columns],
        metrics=metrics,
        lower=LOWER_IS_BETTER,
        undefined=entry.undefined(),
        means=_means(entry, metrics),
        charts=_charts(entry, metrics),
        differences=_difference_charts(entry, against),
        compared=[name for name in DRAWN if name in against.of("metric")],
        against=_against(entry, against),
        significance=f"{significance:g}",
        verdict=partial(_verdict, significance=significance),
        crossings=_crossings(entry),
        reliabilities=_reliabilities(entry),
        groups=[row for row in tables["groups"].rows if number(row["mean"]) is not None],
        courses=courses_of(entry),
        notes=_notes(entry, of_metrics=True),
        notes_compared=_notes(entry, of_metrics=False),
        how=METRICS,
        how_compared=COMPARISON,
        how_confused=CONFUSION,
        how_reliable=RELIABILITY,
        how_learned=CURVES,
        how_published=PAPERS,
    )


def _figures(entry: Entry) -> list[tuple[str, int, str]]:
    """Name, number and status of the large figures."""
    runs, states = entry.tables["runs"], entry.states
    return [
        ("methods", len(entry.methods("runs")), ""),
        ("runs planned", len(runs.rows), ""),
        ("done", states["done"], "ok"),
        ("stopped", states["stopped"], "stopped"),
        ("missing", states["missing"], "warned"),
    ]


def _notes(entry: Entry, *, of_metrics: bool) -> list[str]:
    """What the evaluation has to say of intervals of metrics, or of the comparison as a whole."""
    about: dict[str, list[str]] = {}
    for row in entry.tables["notes"].rows:
        if bool(row["metric"]) == of_metrics:
            method = f" of {entry.title(row['method'])}" if row["method"] else ""
            about.setdefault(row["note"], []).append(metric_title(row["metric"]) + method)
    return [f"{', '.join(names)}: {note}" if of_metrics else note for note, names in about.items()]


def _means(entry: Entry, metrics: Sequence[str]) -> list[tuple[str, list[Mean], str]]:
    """A row per method: its title, a mean per metric, and over how many runs most of them are."""
    rows: list[tuple[str, list[Mean], str]] = []
    for method in entry.methods("summary"):
        means = [mean_of(entry.tables["summary"], method, metric) for metric in metrics]
        counts = [mean.runs for mean in means if mean.mean is not None]
        rows.append((entry.title(method), means, max(counts, key=counts.count) if counts else "0"))
    return rows


def _charts(entry: Entry, metrics: Sequence[str]) -> list[IntervalChart]:
    summary, methods = entry.tables["summary"], entry.methods("summary")
    drawn = [name for name in DRAWN if name in metrics] or list(metrics)[:4]
    ordered = {metric: [row for m in methods for row in summary.where(method=m, metric=metric)] for metric in drawn}
    charts = [
        interval_chart(
            metric_title(metric) + (", lower is better" if metric in LOWER_IS_BETTER else ""),
            intervals_of(rows, dict(entry.titles)),
            LOSS if metric in LOWER_IS_BETTER else SHARE,
        )
        for metric, rows in ordered.items()
    ]
    return [chart for chart in charts if chart is not None]


def _difference_charts(entry: Entry, against: Table) -> list[IntervalChart]:
    charts: list[IntervalChart | None] = []
    for metric in [name for name in DRAWN if name in against.of("metric")]:
        rows = [row for m in entry.methods("comparisons") for row in against.where(method=m, metric=metric)]
        intervals = [
            Interval(entry.title(row["method"]), value, number(row["low"]), number(row["high"]))
            for row in rows
            if (value := number(row["difference"])) is not None
        ]
        reference = entry.title(rows[0]["reference"])
        charts.append(interval_chart(f"{metric_title(metric)}, less that of {reference}", intervals, marks_zero=True))
    return [chart for chart in charts if chart is not None]


def _against(entry: Entry, against: Table) -> list[tuple[str, list[Row | None]]]:
    """A row per method: its title, and for each metric that is drawn what the comparison says."""
    metrics = [name for name in DRAWN if name in against.of("metric")]
    return [
        (entry.title(m), [next(iter(against.where(method=m, metric=metric)), None) for metric in metrics])
        for m in entry.methods("comparisons")
    ]


def _verdict(row: Row, significance: float) -> str:
    """What a comparison shows, in words."""
    p, difference = number(row["p_corrected"]), number(row["difference"])
    if p is None or difference is None:
        return "undefined"
    if p >= significance:
        return "not shown to differ"
    return "better" if (difference < 0) == (row["metric"] in LOWER_IS_BETTER) else "worse"


def _crossings(entry: Entry) -> list[Crossing]:
    table = entry.tables["confusion"]
    return [crossing_of(entry.title(m), table.where(method=m)) for m in entry.methods("confusion")]


def _reliabilities(entry: Entry) -> list[LineChart]:
    table = entry.tables["reliability"]
    charts: list[LineChart | None] = []
    for method in entry.methods("reliability"):
        points = [(number(row["mean_probability"]), number(row["observed"])) for row in table.where(method=method)]
        known = tuple((x, y) for x, y in points if x is not None and y is not None)
        title = entry.title(method)
        series = [Series(title, known, has_dots=True)]
        ends = (0.0, 1.0)
        charts.append(line_chart(title, series, "mean probability", x_least=ends, y_least=ends, has_diagonal=True))
    return [chart for chart in charts if chart is not None]
