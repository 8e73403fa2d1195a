"""How the networks of the bones learned: loss and validation Dice by epoch, a curve a network."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from marrow.report.charts.line_chart import Point, points_of

WIDTH, HEIGHT = 240, 150  # of a plot in the units of its SVG
SHOWN = {"loss": "Loss on training segments", "dice": "Dice on validation segments"}


@dataclass(frozen=True)
class NetworkCurve:
    """One network's curve: its name, its place in the legend, its points, and its last value."""

    name: str
    index: int
    points: tuple[Point, ...]
    last: float


@dataclass(frozen=True)
class NetworkPlot:
    """One quantity of all networks.

    Attributes:
        title: what it is.
        lines: a curve per network that has it.
        low, high: the ends of its scale.
        epochs: the last epoch.
        width, height: of the drawing.
    """

    title: str
    lines: tuple[NetworkCurve, ...]
    low: float
    high: float
    epochs: float
    width: int = WIDTH
    height: int = HEIGHT


def network_plots(histories: Mapping[str, pd.DataFrame]) -> list[NetworkPlot]:
    """A plot per quantity that any network has; name of the network -> its `epoch`, `loss` and `dice`."""
    return list(filter(None, (_plot(name, title, histories) for name, title in SHOWN.items())))


def _plot(name: str, title: str, histories: Mapping[str, pd.DataFrame]) -> NetworkPlot | None:
    known = {network: points_of(rows.dropna(subset=[name]), "epoch", name) for network, rows in histories.items()}
    points = [point for of_network in known.values() for point in of_network]
    if not points:
        return None
    epochs, values = zip(*points, strict=True)
    low, high = min(0.0, *values), max(1.0 if name == "dice" else 0.0, *values)
    first, last = min(epochs), max(epochs)

    def place(epoch: float, value: float) -> Point:
        x = (epoch - first) / ((last - first) or 1.0) * WIDTH
        return round(x, 1), round(HEIGHT - (value - low) / ((high - low) or 1.0) * HEIGHT, 1)

    lines = tuple(
        NetworkCurve(network, index, tuple(place(*point) for point in of_network), of_network[-1][1])
        for index, (network, of_network) in enumerate(known.items())
        if of_network
    )
    return NetworkPlot(title, lines, low, high, last)
