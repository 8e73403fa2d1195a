"""A confusion matrix as a drawing: true classes down, predicted ones across, each row shaded by its shares."""

import math
from dataclasses import dataclass

import pandas as pd

from marrow.report.tables import Row

WIDTH, HEIGHT = 64, 38  # of a cell, in the units of the SVG
LETTER = 6.4  # room for a letter of a class's name
MOST_LETTERS = 10


@dataclass(frozen=True)
class Cell:
    """A cell: its place, how dark it is (0 to 1), its count and share of the row, and what it says when pointed at."""

    x: float
    y: float
    shade: float
    count: int
    percent: str
    label: str


@dataclass(frozen=True)
class ConfusionMatrix:
    """The drawing; `names` are the classes with the middle of their column and of their row."""

    title: str
    label: str
    cells: tuple[Cell, ...]
    names: tuple[tuple[str, float, float], ...]
    margin: int
    width: int
    height: int
    cell_width: int = WIDTH
    cell_height: int = HEIGHT


def confusion_matrix(title: str, rows: pd.DataFrame) -> ConfusionMatrix:
    """The drawing of rows with `label`, `predicted`, `count` and `row_percent`, which is NaN in a row without bags."""
    classes = pd.concat([rows["label"], rows["predicted"]]).unique().tolist()
    places = {name: index for index, name in enumerate(classes)}
    short = {name: name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…" for name in classes}
    cells = tuple(_cell(row, places) for row in rows.to_dict("records"))
    return ConfusionMatrix(
        title=title,
        label=f"{title}: " + "; ".join(cell.label for cell in cells),
        cells=cells,
        names=tuple((short[name], (i + 0.5) * WIDTH, (i + 0.5) * HEIGHT) for name, i in places.items()),
        margin=round(16 + LETTER * max(map(len, short.values()), default=1)),
        width=len(classes) * WIDTH,
        height=len(classes) * HEIGHT,
    )


def _cell(row: Row, places: dict[str, int]) -> Cell:
    label, predicted, count, percent = (row[name] for name in ("label", "predicted", "count", "row_percent"))
    known = not math.isnan(percent)
    return Cell(
        x=places[predicted] * WIDTH,
        y=places[label] * HEIGHT,
        shade=round(percent / 100, 2) if known else 0.0,
        count=count,
        percent=f"{percent:.0f}%" if known else "",
        label=f"{label} called {predicted}: {count}{f' ({percent:.0f}%)' if known else ''}",
    )
