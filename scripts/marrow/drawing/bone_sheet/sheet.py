"""Draws the bone sheet of a scan.

Above, slices of the water image with the outlines of the final bones, selected such that together they show as much of
every bone as possible; beside them the table of volumes. Below, the changes of each correction step.
"""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.style import context
from PIL import Image

from marrow.bones.table import Bone
from marrow.drawing.bone_sheet.cuts import CAPTION, Cut, Window, draw_cuts, height_for
from marrow.drawing.bone_sheet.steps import Step, Volumes
from marrow.drawing.bone_sheet.strip import HEADING, LINE, draw_strip, lines_below
from marrow.drawing.bone_sheet.volume_table import draw_table, table_width
from marrow.drawing.ink import BAD, GOOD, INK, QUIET, SEVERITY, palette, style
from marrow.drawing.paper import Sheet, shortened

WIDTH, MARGIN, GAP = 17.0, 0.3, 0.35  # inches, as every length below
TOP = 0.78
STRIP = 4.3
SHORTEST, TALLEST = 3.0, 6.2
NOTES = 0.62
LONGEST_NAME = 40  # characters
INKS = (INK, QUIET, GOOD, BAD, SEVERITY["stop"])
MOST_STEPS = 8  # from an ink to its paper
PLACES = 192  # in the palette, beside the greys

LEGEND = (
    "Dim: as in the step before. Bright: added, or given another name. White: taken away. Rings: small changes. "
    "Of bones behind one another, the nearest to you is shown."
)
NOTE = (
    ("Good", "outlines on the cortex of every bone, left and right bones of like size, each in its own colour", GOOD),
    (
        "Bad",
        "a colour on the other side or in the bowel, holes, a bone that is none, or far smaller than its mirror; a "
        "step that changes much",
        BAD,
    ),
)


@dataclass(frozen=True)
class Content:
    """The content of a bone sheet.

    Attributes:
        scan: its id.
        facts: a few words on its grid.
        reason: why the scan was stopped; None if it was not.
        outlines: caption of the outlines on the slices.
        cuts: the slices.
        window: the intensities that are black and white in them.
        steps: of the correction; empty if it was not reached.
        volumes: bone name -> volumes.
    """

    scan: str
    facts: str
    reason: str | None
    outlines: str
    cuts: tuple[Cut, ...]
    window: Window
    steps: tuple[Step, ...]
    volumes: Mapping[str, Volumes]


def draw_bone_sheet(content: Content, bones: Sequence[Bone], colours: Mapping[int, str], path: Path) -> None:
    """Draw the sheet; `colours` is bone id -> colour."""
    with context(["default", style()]):
        reason = textwrap.wrap(f"STOPPED  {content.reason}", 190) if content.reason is not None else []
        top = TOP + 0.25 * len(reason)
        table = table_width(len(bones), TALLEST)
        room = WIDTH - 2 * MARGIN - GAP - min(table, WIDTH / 2)
        height = min(max(height_for(content.cuts, room), SHORTEST), TALLEST)
        strip = _strip_height(content.steps) if content.steps else 0.0
        width = max(WIDTH, 2 * MARGIN + GAP + room + table)
        sheet = Sheet(width, top + CAPTION + height + GAP + strip + NOTES)
        _write_heading(sheet, content, reason)
        low, high = content.window
        words = f"water, {low:,.0f} to {high:,.0f}; outlines: {content.outlines}; ticks: where the other slices cut"
        sheet.text(MARGIN, top, words, fontsize=8.5, color=QUIET)
        draw_cuts(sheet, content.cuts, (MARGIN, top + CAPTION), height, content.window, colours)
        place = (MARGIN + room + GAP, top - 0.03)
        draw_table(sheet, bones, content.volumes, colours, place, height + CAPTION)
        if content.steps:
            below = top + CAPTION + height + GAP
            sheet.text(MARGIN, below - 0.1, LEGEND, fontsize=8.5, color=QUIET)
            draw_strip(sheet, content.steps, (MARGIN, below + 0.2), (WIDTH - 2 * MARGIN, STRIP), colours)
        _write_notes(sheet)
        sheet.save(path, _palette(list(colours.values())))


def _strip_height(steps: Sequence[Step]) -> float:
    return 0.2 + HEADING + STRIP + 0.25 + lines_below(steps, WIDTH - 2 * MARGIN) * LINE


def _palette(bones: Sequence[str]) -> Image.Image:
    """The palette: inks blended with white, colours of bones with the black of the pictures."""
    inks = [*((ink, "white") for ink in INKS), *((bone, "black") for bone in bones)][:PLACES]
    return palette(inks, min(MOST_STEPS, PLACES // len(inks)))


def _write_heading(sheet: Sheet, content: Content, reason: Sequence[str]) -> None:
    name = f"{shortened(content.scan, LONGEST_NAME)}  bones"
    sheet.text(MARGIN, MARGIN - 0.04, name, fontsize=15, weight="bold", color=INK)
    sheet.text(sheet.width - MARGIN, MARGIN + 0.03, content.facts, fontsize=9.5, color=QUIET, ha="right")
    for row, line in enumerate(reason):
        sheet.text(MARGIN, TOP - 0.08 + 0.25 * row, line, fontsize=11, weight="bold", color=SEVERITY["stop"])


def _write_notes(sheet: Sheet) -> None:
    top = sheet.height - NOTES + 0.08
    for word, line, color in NOTE:
        sheet.text(MARGIN, top, word, fontsize=8.5, weight="bold", color=color)
        sheet.text(MARGIN + 0.45, top, line, fontsize=8.5, color=INK)
        top += 0.2
