"""Curves of where runs look: lesions found against false marks, and a verdict against the instances taken away."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from marrow.report.charts.line_chart import LineChart, Point, Series, line_chart
from marrow.report.entries import Entry
from marrow.report.tables import Row, number, read_csv

FROC, PERTURBATION = "froc.csv", "perturbation.csv"
FROC_COLUMNS = ("quantity", "scans", "false_marks", "sensitivity")
PERTURBATION_COLUMNS = ("quantity", "dropped", "top", "random")
POSITIVE = "positive"  # the scans that have lesions
Runs = Sequence[Sequence[Row]]
SeriesOf = Callable[[str, int, Runs], Iterator[Series]]
FALSE_MARKS = tuple(i / 4 for i in range(41))  # in a scan, at which runs are averaged


@dataclass(frozen=True)
class Curves:
    """Charts of one kind, one a method; `quantities` are the instance scores with the colour of each."""

    title: str
    charts: tuple[LineChart, ...]
    quantities: tuple[tuple[str, int], ...]

    @property
    def has_faint(self) -> bool:
        """Whether a line stands behind the others."""
        return any(line.is_faint for chart in self.charts for line in chart.lines)


def curves_of(entry: Entry, files: Sequence[Path]) -> list[Curves]:
    """The curves of an entry's methods, each the mean over its runs.

    Args:
        entry: whose runs.
        files: `results/localisation/{dataset}/{method}/seed-{seed}/{froc or perturbation}.csv` of all runs.
    """
    froc = _by_method(entry, files, FROC, FROC_COLUMNS)
    drops = _by_method(entry, files, PERTURBATION, PERTURBATION_COLUMNS)
    hues = {name: hue for hue, name in enumerate(_quantities([*froc.values(), *drops.values()]))}
    found = [
        _charts(entry, "Lesions found", "false marks a scan", froc, hues, _found),
        _charts(entry, "Probability of the class", "share of instances taken out", drops, hues, _falls),
    ]
    return [curves for curves in found if curves.charts]


def _by_method(entry: Entry, files: Sequence[Path], name: str, columns: Sequence[str]) -> dict[str, list[list[Row]]]:
    """Method -> the rows of each of its runs."""
    runs: dict[str, list[list[Row]]] = defaultdict(list)
    for path in files:
        dataset, method = path.parts[-4:-2]
        if path.name == name and dataset in entry.datasets:
            runs[method].append(list(read_csv(path, columns).rows))
    return dict(runs)


def _quantities(methods: Sequence[Runs]) -> list[str]:
    return list(dict.fromkeys(row["quantity"] for runs in methods for rows in runs for row in rows))


def _charts(
    entry: Entry, title: str, x_name: str, methods: Mapping[str, Runs], hues: Mapping[str, int], series_of: SeriesOf
) -> Curves:
    order = [*(name for name in entry.titles if name in methods), *(m for m in methods if m not in entry.titles)]
    charts = [
        line_chart(
            entry.title(method),
            [one for name, hue in hues.items() for one in series_of(name, hue, methods[method])],
            x_name,
            x_least=(0.0, 0.0),
            y_least=(0.0, 1.0),
        )
        for method in order
    ]
    shown = _quantities(list(methods.values()))
    return Curves(title, tuple(c for c in charts if c is not None), tuple((name, hues[name]) for name in shown))


def _found(quantity: str, hue: int, runs: Runs) -> Iterator[Series]:
    """The share of lesions found at each number of false marks, over scans that have lesions."""
    steps = [
        [
            (marks, found)
            for row in rows
            if row["quantity"] == quantity
            and row["scans"] == POSITIVE
            and (marks := number(row["false_marks"])) is not None
            and (found := number(row["sensitivity"])) is not None
        ]
        for rows in runs
    ]
    known = [points for points in steps if points]
    if known:
        mean = tuple((at, fmean(_best(points, at) for points in known)) for at in FALSE_MARKS)
        yield Series(quantity, mean, hue)


def _best(points: Sequence[Point], at: float) -> float:
    """The most that is found with at most so many false marks."""
    return max((found for marks, found in points if marks <= at), default=0.0)


def _falls(quantity: str, hue: int, runs: Runs) -> Iterator[Series]:
    """The probability when the highest instances are taken out, and when any are."""
    for column, name, is_faint in (("random", f"{quantity}, any instances", True), ("top", quantity, False)):
        at: dict[float, list[float]] = defaultdict(list)
        for row in (row for rows in runs for row in rows if row["quantity"] == quantity):
            dropped, value = number(row["dropped"]), number(row[column])
            if dropped is not None and value is not None:
                at[dropped].append(value)
        if at:
            yield Series(name, tuple((x, fmean(values)) for x, values in sorted(at.items())), hue, is_faint)
