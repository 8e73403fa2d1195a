"""What the models say of each scan: the probability of every class, with the interval over seeds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from marrow.report.charts.interval_chart import Interval, IntervalChart, interval_chart
from marrow.report.charts.scale import SHARE
from marrow.report.tables import Row, number, read_parquet

COLUMNS = ("bag", "split", "label")
PROBABILITY = "p_"


@dataclass(frozen=True)
class Verdict:
    """What a method says of a scan: its title, over how many seeds, and mean, least and greatest of each class."""

    method: str
    seeds: int
    classes: Mapping[str, tuple[float, float, float]]

    @property
    def called(self) -> str:
        """The most probable class."""
        return max(self.classes, key=lambda name: self.classes[name][0])


@dataclass(frozen=True)
class ScanPrediction:
    """All methods on one scan: the classes, the verdicts, and a drawing of the class that most of them name."""

    classes: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    chart: IntervalChart | None


def predictions_of(
    scans: Sequence[str], files: Sequence[Path], titles: Mapping[str, str]
) -> dict[str, list[ScanPrediction]]:
    """Scan -> what is predicted of it, once for each data set in which it is.

    Args:
        scans: the cohort's ids.
        files: `results/{runs or predicted}/{dataset}/{method}/seed-{seed}/predictions.parquet`; an empty one says
            nothing, as of a run that was stopped.
        titles: method -> title, in the order in which they are shown.
    """
    wanted = set(scans)
    said: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for path in files:
        dataset, method = path.parts[-4:-2]
        for row in read_parquet(path, COLUMNS).rows:
            if row["bag"] in wanted:
                said[row["bag"], dataset][method].append(row)
    found: dict[str, list[ScanPrediction]] = defaultdict(list)
    for (scan, _), methods in said.items():
        found[scan].append(_prediction(methods, titles))
    return dict(found)


def _prediction(methods: Mapping[str, Sequence[Row]], titles: Mapping[str, str]) -> ScanPrediction:
    order = [*(name for name in titles if name in methods), *(name for name in methods if name not in titles)]
    verdicts = tuple(v for name in order if (v := _verdict(titles.get(name, name), methods[name])) is not None)
    classes = tuple(dict.fromkeys(name for verdict in verdicts for name in verdict.classes))
    called = [verdict.called for verdict in verdicts]
    named = max(classes, key=called.count) if called else ""
    intervals = [
        Interval(one.method, *one.classes[named], note=f"{one.seeds} seeds") for one in verdicts if named in one.classes
    ]
    return ScanPrediction(classes, verdicts, interval_chart(f"Probability of {named}", intervals, SHARE))


def _verdict(title: str, rows: Sequence[Row]) -> Verdict | None:
    names = [name.removeprefix(PROBABILITY) for name in rows[0] if name.startswith(PROBABILITY)]
    classes: dict[str, tuple[float, float, float]] = {}
    for name in names:
        values = [value for row in rows if (value := number(row.get(PROBABILITY + name))) is not None]
        if values:
            classes[name] = fmean(values), min(values), max(values)
    return Verdict(title, len(rows), classes) if classes else None
