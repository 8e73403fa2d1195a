"""Draws the steps of the correction side by side: unchanged labels are dim, changed ones are bright.

Added or renamed labels are bright and removed ones are white, so that changes are visible without telling colours
apart. Small changes get a ring.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from PIL import ImageColor

from marrow.drawing.bone_sheet.slices import box_around
from marrow.drawing.bone_sheet.steps import VIEWS, Projection, Step, small_changes
from marrow.drawing.ink import INK, QUIET
from marrow.drawing.paper import Sheet, frame, name_sides

DIM = 0.375  # brightness factor; a step of the palette
REMOVED = (255, 255, 255)
GAP, PAIR_GAP = 0.3, 0.06  # inches
HEADING = 0.5
WORDS = 8.0  # points
LINE = 0.165  # inches
MOST_LINES = 9
ENDS = {"front": ("R", "L"), "side": ("A", "P")}
Colours = npt.NDArray[np.uint8]


def lookup(colours: Mapping[int, str]) -> Colours:
    """Id -> colour `(256, 3)`, black for the background, white for an id without a colour."""
    table = np.full((256, 3), 255, dtype=np.uint8)
    table[0] = 0
    for bone, colour in colours.items():
        table[bone] = ImageColor.getrgb(colour)[:3]
    return table


def coloured(projection: Projection, table: Colours, is_first: bool) -> Colours:
    """A projection as a picture `(rows, columns, 3)`: all labels bright in the first step, later only changed ones."""
    picture = table[projection.after]
    if not is_first:
        picture = np.where(projection.changed[..., None], picture, (picture * DIM).astype(np.uint8))
        picture[projection.removed] = REMOVED
    return picture


def draw_strip(
    sheet: Sheet,
    steps: Sequence[Step],
    place: tuple[float, float],
    size: tuple[float, float],
    colours: Mapping[int, str],
) -> None:
    """Draw the steps side by side: projections from the front and from the side, and messages below.

    `place` is the upper left corner, `size` the width of the strip and the height of its pictures, in inches.
    """
    (left, top), (strip, height) = place, size
    boxes = {view: _box(steps, view) for view in VIEWS}
    table = lookup(colours)
    column = column_width(strip, len(steps))
    for index, step in enumerate(steps):
        _write_heading(sheet, step, left, top)
        projections = {view: step.projections[view].cropped(boxes[view]) for view in VIEWS}
        scale = min(height, (column - PAIR_GAP) / sum(projection.shape for projection in projections.values()))
        start = left
        for view, projection in projections.items():
            width = scale * projection.shape
            _draw(sheet.axes(start, top + HEADING, width, scale), projection, view, table, index == 0)
            start += width + PAIR_GAP
        for row, line in enumerate(message_lines(step, column)):
            sheet.text(left, top + HEADING + height + 0.1 + row * LINE, line, fontsize=WORDS, color=INK)
        left += column + GAP


def column_width(width: float, steps: int) -> float:
    """The width of one step's column, at most a fifth of the strip."""
    columns = max(steps, 5)
    return (width - GAP * (columns - 1)) / columns


def lines_below(steps: Sequence[Step], width: float) -> int:
    """The largest number of message lines below a picture."""
    return max(len(message_lines(step, column_width(width, len(steps)))) for step in steps)


def message_lines(step: Step, column: float) -> list[str]:
    """The messages of a step in lines that fit its column, with a note if some are left out."""
    room = int(column * 16.5)
    sentences = [textwrap.wrap(sentence, room, subsequent_indent="  ") for sentence in step.messages]
    lines: list[str] = []
    for number, wrapped in enumerate(sentences):
        is_last = number == len(sentences) - 1
        if len(lines) + len(wrapped) > MOST_LINES - (not is_last):
            return [*lines, f"… and {len(sentences) - number} more in corrections.json"]
        lines += wrapped
    return lines


def _write_heading(sheet: Sheet, step: Step, left: float, top: float) -> None:
    name = "as predicted" if step.name == "raw" else step.name
    sheet.text(left, top, name, fontsize=11, weight="bold", color=INK)
    if step.name == "raw":
        text = "all in full light"
    elif step.changed_voxels is None:
        text = ""
    elif step.changed_voxels == 0:
        text = "changed nothing"
    else:
        text = f"changed {step.changed_ml or 0:,.1f} ml ({step.changed_voxels:,} voxels)"
    sheet.text(left, top + 0.24, text, fontsize=8.5, color=QUIET)


def _draw(axes: Axes, projection: Projection, view: str, table: Colours, is_first: bool) -> None:
    axes.imshow(coloured(projection, table, is_first), aspect="auto", interpolation="nearest")
    rows, _ = projection.after.shape
    for row, column, radius in () if is_first else small_changes(projection.changed):
        axes.add_patch(Circle((column, row), radius + 0.02 * rows, fill=False, edgecolor="white", linewidth=0.7))
    frame(axes)
    name_sides(axes, ENDS[view])


def _box(steps: Sequence[Step], view: str) -> tuple[slice, ...]:
    """The bounding box of the labels of all steps."""
    columns = np.any([step.projections[view].after > 0 for step in steps], axis=0)
    return box_around(columns, margin=max(2, round(0.02 * columns.shape[0])))
