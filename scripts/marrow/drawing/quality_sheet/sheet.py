"""Draws the quality sheet of a scan: slice, projection and histograms of every contrast, findings of the checks.

Grey windows are fixed on the standard scale. A scan that looks darker than another therefore **is** darker after
standardisation; windows that are fitted to each scan would hide this.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.style import context

from marrow.drawing.coronal import Mask
from marrow.drawing.ink import BAD, GOOD, INK, OUTLINE, QUIET, SEVERITY, style
from marrow.drawing.paper import Sheet, frame, name_sides, shortened
from marrow.drawing.quality_sheet.histogram import draw_histogram
from marrow.drawing.quality_sheet.notes import note_on
from marrow.drawing.quality_sheet.panel import Outline, Panel, View
from marrow.imaging.ingest.findings import Finding

MARGIN, GAP = 0.3, 0.26  # inches, as every length below
COLUMN = 3.75
PAIR_GAP = 0.06
HISTOGRAM = 1.05
FINDING = 0.27
NOTES = 0.95
SHORTEST, TALLEST = 2.6, 6.0
LONGEST_NAME = 40  # characters


def draw_sheet(
    scan: str,
    facts: str,
    panels: Sequence[Panel],
    outline: Outline,
    findings: Sequence[Finding],
    aspect: float,
    path: Path,
) -> None:
    """Draw the quality sheet of one scan, a column for each panel, with facts on its grid in the first line.

    `aspect` is height over width of a voxel in the coronal plane.
    """
    with context(["default", style()]):
        rows, columns = panels[0].middle.picture.shape
        width, height = _picture_size(rows * aspect / columns)
        strip = FINDING * max(len(findings), 1)
        top = MARGIN + 0.42 + strip + 0.16
        bottom = top + 0.62 + height + 0.2 + HISTOGRAM + 0.42
        sheet = Sheet(2 * MARGIN + len(panels) * (COLUMN + GAP) - GAP, bottom + NOTES + MARGIN)
        sheet.text(MARGIN, MARGIN - 0.04, shortened(scan, LONGEST_NAME), fontsize=15, weight="bold", color=INK)
        sheet.text(sheet.width - MARGIN, MARGIN + 0.03, facts, fontsize=9.5, color=QUIET, ha="right")
        _draw_findings(sheet, findings, MARGIN + 0.42)
        for index, panel in enumerate(panels):
            left = MARGIN + index * (COLUMN + GAP)
            _draw_pictures(sheet, panel, outline, (left, top), (width, height), aspect)
            _draw_histograms(sheet, panel, left, top + 0.62 + height + 0.2)
            _draw_notes(sheet, panel.role, left, bottom)
        sheet.save(path)


def _picture_size(shape: float) -> tuple[float, float]:
    """Width and height in inches of a picture whose height is `shape` times its width."""
    width = (COLUMN - PAIR_GAP) / 2
    height = min(max(width * shape, SHORTEST), TALLEST)
    return min(width, height / shape), height


def _draw_findings(sheet: Sheet, findings: Sequence[Finding], top: float) -> None:
    if not findings:
        sheet.text(MARGIN, top, "CHECKS PASSED", fontsize=9, weight="bold", color=GOOD)
        sheet.text(MARGIN + 1.35, top, "no check found anything", fontsize=9.5, color=QUIET)
    characters = int((sheet.width - 2 * MARGIN - 1) * 14)
    for row, finding in enumerate(findings):
        position = top + row * FINDING
        contrast = "" if finding.contrast in finding.message else f" {finding.contrast}"
        words = f"{finding.check.replace('_', ' ')}{contrast}: {finding.message}"
        message = textwrap.shorten(words, characters, placeholder=" …")
        color = SEVERITY[finding.severity]
        sheet.text(MARGIN, position, finding.severity.upper(), fontsize=9, weight="bold", color=color)
        sheet.text(MARGIN + 0.62, position - 0.005, message, fontsize=9.5, color=INK)


def _draw_pictures(
    sheet: Sheet,
    panel: Panel,
    outline: Outline,
    position: tuple[float, float],
    size: tuple[float, float],
    aspect: float,
) -> None:
    (left, top), (width, height) = position, size
    sheet.text(left, top, panel.contrast, fontsize=13, weight="bold", color=INK)
    views = (
        ("slice", panel.middle, outline.middle, False),
        ("maximum" if panel.is_maximum else "mean", panel.projection, outline.projection, panel.is_maximum),
    )
    for index, (name, view, body, is_dark_on_white) in enumerate(views):
        start = left + index * (COLUMN + PAIR_GAP) / 2
        caption = f"{name}, {view.window[0]:g} to {view.window[1]:g}"
        sheet.text(start, top + 0.5, caption, fontsize=8.5, color=QUIET, va="baseline")
        _draw_view(sheet.axes(start, top + 0.58, width, height), view, body, is_dark_on_white, aspect)


def _draw_view(axes: Axes, view: View, body: Mask, is_dark_on_white: bool, aspect: float) -> None:
    paper, letters, colours = ("white", "black", "gray_r") if is_dark_on_white else ("black", "white", "gray")
    axes.set_facecolor(paper)
    low, high = view.window
    axes.imshow(view.picture, cmap=colours, vmin=low, vmax=high, aspect=aspect, interpolation="bilinear")
    if body.any() and not body.all():
        axes.contour(body, levels=[0.5], colors=[OUTLINE], linewidths=0.6)
    frame(axes)
    name_sides(axes, "RL", letters)


def _draw_histograms(sheet: Sheet, panel: Panel, left: float, top: float) -> None:
    width = (COLUMN - PAIR_GAP) / 2 - 0.05
    named = [("before", panel.before), ("after", panel.after)]
    if panel.before is None:
        named = [("own scale, not standardised", panel.after)]
        width = COLUMN - 0.05
    for index, (name, drawn_histogram) in enumerate(named):
        start = left + index * (COLUMN + PAIR_GAP) / 2
        if drawn_histogram is not None:
            draw_histogram(sheet.axes(start, top, width, HISTOGRAM), name, drawn_histogram)


def _draw_notes(sheet: Sheet, role: str, left: float, top: float) -> None:
    note = note_on(role)
    for word, line, color in (("Good", note.good, GOOD), ("Bad", note.bad, BAD)):
        lines = textwrap.wrap(line, 54)
        sheet.text(left, top, word, fontsize=8.5, weight="bold", color=color)
        sheet.text(left + 0.45, top, "\n".join(lines), fontsize=8.5, color=INK, linespacing=1.35)
        top += 0.17 * len(lines) + 0.09
