"""How models learned: a small chart for each quantity and method, on one scale within a quantity."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from marrow.report.charts.line_chart import LineChart, Point, Series, line_chart
from marrow.report.entries import Entry
from marrow.report.tables import number

ENTROPY = "attention_entropy"  # from 0 to 1 whatever is drawn: a fall of a hundredth is none
MOST_LINES = 5  # more runs than these are drawn as their mean, least and greatest

# Beginning of a quantity's name -> its heading; what begins with none of these is called by its own name.
TITLES = (
    ("validation_loss", "Loss on validation bags"),
    ("validation_", "On validation bags: "),
    ("loss_main", "Loss of the bags' classes"),
    ("loss_", "Loss of the auxiliary task "),
    (ENTROPY, "Attention entropy (1: all instances alike)"),
    ("weight_main", "Weight of the main task"),
    ("weight_", "Task weight w of "),
    ("norm2_main", "Squared length of the main gradient, |g_m|²"),
    ("norm2_", "Squared length of the gradient |g_a|² of "),
    ("dot_", "Product ⟨g_m, g_a⟩ with "),
    ("cosine_", "Cosine of g_m and g_a of "),
    ("learning_rate", "Learning rate"),
)
FIRST = ("loss_main", "validation_loss", ENTROPY)
LEFT_OUT = {"seconds", "epoch"}


@dataclass(frozen=True)
class Course:
    """A quantity: its heading, whether it is shown first, and a chart per method."""

    title: str
    is_first: bool
    charts: tuple[LineChart, ...]


def courses_of(entry: Entry) -> list[Course]:
    """The quantities of an entry's histories: those to look at first, then the others."""
    runs = _runs(entry)
    quantities = sorted(runs, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), _rank(name)))
    return [course for name in quantities if (course := _course(name, runs[name], entry)) is not None]


Runs = Mapping[tuple[str, str, str], Sequence[Point]]


def _runs(entry: Entry) -> dict[str, Runs]:
    """Quantity -> (method, data set, seed) -> the points of its course."""
    found: dict[str, dict[tuple[str, str, str], list[Point]]] = defaultdict(lambda: defaultdict(list))
    for row in entry.tables["curves"].rows:
        epoch, value = number(row["epoch"]), number(row["value"])
        if epoch is not None and value is not None and row["quantity"] not in LEFT_OUT:
            found[row["quantity"]][row["method"], row["dataset"], row["seed"]].append((epoch, value))
    return {quantity: dict(runs) for quantity, runs in found.items()}


def _course(quantity: str, runs: Runs, entry: Entry) -> Course | None:
    values = [value for points in runs.values() for _, value in points]
    epochs = [epoch for points in runs.values() for epoch, _ in points]
    ends = (0.0, 1.0) if quantity == ENTROPY else (min(values), max(values))
    charts: list[LineChart] = []
    for method in entry.methods("curves"):
        own = {f"{dataset}, seed {seed}": points for (name, dataset, seed), points in runs.items() if name == method}
        chart = line_chart(entry.title(method), _series(own), "epoch", x_least=(min(epochs), max(epochs)), y_least=ends)
        if chart is not None:
            charts.append(chart)
    return Course(_title(quantity), quantity in FIRST, tuple(charts)) if charts else None


def _series(runs: Mapping[str, Sequence[Point]]) -> list[Series]:
    if len(runs) <= 1:
        return [Series(name, tuple(points)) for name, points in runs.items()]
    at: dict[float, list[float]] = defaultdict(list)
    for points in runs.values():
        for epoch, value in points:
            at[epoch].append(value)
    ordered = sorted(at.items())
    mean = Series(f"mean of {len(runs)} runs", tuple((epoch, fmean(values)) for epoch, values in ordered))
    if len(runs) <= MOST_LINES:
        return [*(Series(name, tuple(points), is_faint=True) for name, points in runs.items()), mean]
    return [
        Series("least", tuple((epoch, min(values)) for epoch, values in ordered), is_faint=True),
        Series("greatest", tuple((epoch, max(values)) for epoch, values in ordered), is_faint=True),
        mean,
    ]


def _rank(quantity: str) -> tuple[int, str]:
    return next((i for i, (start, _) in enumerate(TITLES) if quantity.startswith(start)), len(TITLES)), quantity


def _title(quantity: str) -> str:
    for start, title in TITLES:
        if quantity.startswith(start):
            return title + quantity.removeprefix(start).replace("_", " ") if title.endswith(" ") else title
    return quantity.replace("_", " ")
