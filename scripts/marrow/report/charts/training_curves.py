"""How models learned: a small chart for each quantity and method, on one scale within a quantity."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from marrow.report.charts.line_chart import LineChart, Series, line_chart, points_of
from marrow.report.entries import Entry

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
LEFT_OUT = ("seconds", "epoch")


@dataclass(frozen=True)
class TrainingCurves:
    """A quantity: its heading, whether it is shown first, and a chart per method."""

    title: str
    is_first: bool
    charts: tuple[LineChart, ...]


def training_curves(entry: Entry) -> list[TrainingCurves]:
    """The quantities of an entry's histories: those to look at first, then the others."""
    rows = entry.tables["curves"].frame.dropna()
    of_quantity = {str(name): frame for name, frame in rows.groupby("quantity") if name not in LEFT_OUT}
    return [_curves(name, of_quantity[name], entry) for name in sorted(of_quantity, key=_rank)]


def _curves(quantity: str, rows: pd.DataFrame, entry: Entry) -> TrainingCurves:
    epochs, values = (rows[name].agg(["min", "max"]).tolist() for name in ("epoch", "value"))
    ends = (0.0, 1.0) if quantity == ENTROPY else (values[0], values[1])
    charts = (
        line_chart(
            entry.title(method),
            list(_series(rows[rows["method"] == method])),
            "epoch",
            x_least=(epochs[0], epochs[1]),
            y_least=ends,
        )
        for method in entry.methods("curves")
    )
    return TrainingCurves(_title(quantity), quantity in FIRST, tuple(filter(None, charts)))


def _series(rows: pd.DataFrame) -> Iterator[Series]:
    """The runs of a method; of several their mean on top, of many their least and greatest instead of each."""
    runs = rows.groupby(["dataset", "seed"], sort=False)
    if len(runs) <= MOST_LINES:
        for (dataset, seed), run in runs:
            yield Series(f"{dataset}, seed {seed}", points_of(run, "epoch", "value"), is_faint=len(runs) > 1)
    if len(runs) > 1:
        over_runs = rows.groupby("epoch")["value"].agg(["mean", "min", "max"]).reset_index()
        if len(runs) > MOST_LINES:
            yield Series("least", points_of(over_runs, "epoch", "min"), is_faint=True)
            yield Series("greatest", points_of(over_runs, "epoch", "max"), is_faint=True)
        yield Series(f"mean of {len(runs)} runs", points_of(over_runs, "epoch", "mean"))


def _rank(quantity: str) -> tuple[int, int, str]:
    """Where a quantity stands among the others."""
    first = FIRST.index(quantity) if quantity in FIRST else len(FIRST)
    starts = (i for i, (start, _) in enumerate(TITLES) if quantity.startswith(start))
    return first, next(starts, len(TITLES)), quantity


def _title(quantity: str) -> str:
    for start, title in TITLES:
        if quantity.startswith(start):
            return title + quantity.removeprefix(start).replace("_", " ") if title.endswith(" ") else title
    return quantity.replace("_", " ")
