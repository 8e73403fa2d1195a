"""Draws the table of bones, which is also the legend: colour, name and volumes of each bone."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.patches import Rectangle

from marrow.bones.table import Bone
from marrow.drawing.bone_sheet.steps import Volumes
from marrow.drawing.ink import BAD, INK, QUIET
from marrow.drawing.paper import Sheet, shortened

COLUMN = 4.3  # inches, as every length here
GAP = 0.3
ROW, HEADING = 0.235, 0.62
NUMBERS = (2.55, 3.35, 4.15)  # right edges
NAMES = ("predicted", "corrected", "dilated")
LONGEST_NAME = 22  # characters


def table_width(bones: int, height: float) -> float:
    """The width of the table for a maximum height."""
    columns = math.ceil(bones / _rows(height))
    return columns * (COLUMN + GAP) - GAP


def draw_table(
    sheet: Sheet,
    bones: Sequence[Bone],
    volumes: Mapping[str, Volumes],
    colours: Mapping[int, str],
    place: tuple[float, float],
    height: float,
) -> None:
    """Draw the table with its upper left corner at `place`; rows beyond `height` go into further columns."""
    left, top = place
    rows = _rows(height)
    for start in range(0, len(bones), rows):
        _write_heading(sheet, left, top)
        for row, bone in enumerate(bones[start : start + rows]):
            _write_row(sheet, bone, volumes.get(bone.name), colours[bone.id], (left, top + HEADING + row * ROW))
        left += COLUMN + GAP


def _rows(height: float) -> int:
    return max(1, int((height - HEADING) / ROW))


def _write_heading(sheet: Sheet, left: float, top: float) -> None:
    sheet.text(left, top, "Volumes in ml", fontsize=11, weight="bold", color=INK)
    for edge, name in zip(NUMBERS, NAMES, strict=True):
        sheet.text(left + edge, top + 0.34, name, fontsize=8.5, color=QUIET, ha="right")


def _write_row(sheet: Sheet, bone: Bone, volumes: Volumes | None, colour: str, place: tuple[float, float]) -> None:
    left, top = place
    _draw_swatch(sheet, colour, left, top)
    sheet.text(left + 0.26, top, shortened(bone.name, LONGEST_NAME).replace("_", " "), fontsize=9.5, color=INK)
    amounts = (volumes.raw, volumes.corrected, volumes.dilated) if volumes else (None,) * len(NUMBERS)
    for edge, amount in zip(NUMBERS, amounts, strict=True):
        words, ink = ("–", QUIET) if amount is None else ("none", BAD) if amount == 0 else (f"{amount:,.1f}", INK)
        weight = "bold" if ink == BAD else "normal"
        sheet.text(left + edge, top, words, fontsize=9.5, color=ink, weight=weight, ha="right")


def _draw_swatch(sheet: Sheet, colour: str, left: float, top: float) -> None:
    width, height = 0.17, 0.14
    corner = left / sheet.width, 1 - (top + 0.01 + height) / sheet.height
    size = width / sheet.width, height / sheet.height
    sheet.figure.add_artist(Rectangle(corner, *size, facecolor=colour, edgecolor="none"))
