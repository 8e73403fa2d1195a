"""The course of a training as curves: loss and validation Dice by epoch."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marrow.errors import MarrowError

WIDTH, HEIGHT = 240, 150  # of a plot in the units of its SVG
COLUMNS = ("epoch", "seconds", "learning_rate", "loss", "dice")
SHOWN = {"loss": "Loss on training segments", "dice": "Dice on validation segments"}


@dataclass(frozen=True)
class Line:
    """One network's curve: its name, its place in the legend, its points, and its last value."""

    name: str
    index: int
    points: tuple[tuple[float, float], ...]
    last: float


@dataclass(frozen=True)
class Plot:
    """One quantity of all networks.

    Attributes:
        title: what it is.
        lines: a curve per network that has it.
        low, high: the ends of its scale.
        epochs: the last epoch.
        width, height: of the drawing.
    """

    title: str
    lines: tuple[Line, ...]
    low: float
    high: float
    epochs: float
    width: int = WIDTH
    height: int = HEIGHT


def read_history(path: Path) -> list[dict[str, float]]:
    """The epochs in a file; a cell without a number is NaN. None in an empty file, which a stopped job leaves."""
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        found = tuple(reader.fieldnames or ())
        missing = [name for name in COLUMNS if name not in found]
        if found and missing:
            raise MarrowError(
                f"{path.name}: column {', '.join(missing)} is missing; delete the file and run again to make it anew"
            )
        return [{name: _number(row[name]) for name in COLUMNS} for row in reader]


def curves_of(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Plot]:
    """A plot per quantity that any network has; network name -> its epochs."""
    plots = (_plot(name, title, histories) for name, title in SHOWN.items())
    return [plot for plot in plots if plot is not None]


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return math.nan


def _plot(name: str, title: str, histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Plot | None:
    known = {
        network: [(row["epoch"], row[name]) for row in rows if math.isfinite(row["epoch"]) and math.isfinite(row[name])]
        for network, rows in histories.items()
    }
    values = [value for points in known.values() for _, value in points]
    if not values:
        return None
    low, high = min(0.0, *values), max(1.0 if name == "dice" else 0.0, *values)
    first = min(epoch for points in known.values() for epoch, _ in points)
    last = max(epoch for points in known.values() for epoch, _ in points)

    def place(epoch: float, value: float) -> tuple[float, float]:
        x = (epoch - first) / ((last - first) or 1.0) * WIDTH
        return round(x, 1), round(HEIGHT - (value - low) / ((high - low) or 1.0) * HEIGHT, 1)

    lines = tuple(
        Line(network, index, tuple(place(*point) for point in points), points[-1][1])
        for index, (network, points) in enumerate(known.items())
        if points
    )
    return Plot(title, lines, low, high, last)
