"""A confusion matrix as a drawing: true classes down, predicted ones across, each row shaded by its shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from marrow.report.tables import Row, number

WIDTH, HEIGHT = 64, 38  # of a cell, in the units of the SVG
LETTER = 6.4  # room for a letter of a class's name
MOST_LETTERS = 10


@dataclass(frozen=True)
class Cell:
    """A cell: its place, how dark it is (0 to 1), its count and share of the row, and what it says when pointed at."""

    x: float
    y: float
    shade: float
    count: str
    percent: str
    label: str


@dataclass(frozen=True)
class Crossing:
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


def crossing_of(title: str, rows: Sequence[Row]) -> Crossing:
    """The drawing of rows with `label`, `predicted`, `count` and `row_percent`."""
    classes = list(dict.fromkeys([row["label"] for row in rows] + [row["predicted"] for row in rows]))
    places = {name: index for index, name in enumerate(classes)}
    short = {name: name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…" for name in classes}
    cells = tuple(_cell(row, places) for row in rows)
    return Crossing(
        title=title,
        label=f"{title}: " + "; ".join(cell.label for cell in cells),
        cells=cells,
        names=tuple((short[name], (i + 0.5) * WIDTH, (i + 0.5) * HEIGHT) for name, i in places.items()),
        margin=round(16 + LETTER * max(map(len, short.values()), default=1)),
        width=len(classes) * WIDTH,
        height=len(classes) * HEIGHT,
    )


def _cell(row: Row, places: dict[str, int]) -> Cell:
    percent = number(row["row_percent"])
    count = f"{number(row['count']) or 0:g}"
    share = "" if percent is None else f"{percent:.0f}%"
    return Cell(
        x=places[row["predicted"]] * WIDTH,
        y=places[row["label"]] * HEIGHT,
        shade=round((percent or 0) / 100, 2),
        count=count,
        percent=share,
        label=f"{row['label']} called {row['predicted']}: {count}{f' ({share})' if share else ''}",
    )
