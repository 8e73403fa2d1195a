"""Rule draw_comparison: a figure of how good the methods are and how they differ."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from marrow.drawing.figures.confusion import confusion_figure
from marrow.drawing.figures.differences import differences_figure
from marrow.drawing.figures.reliability import reliability_figure
from marrow.drawing.figures.sizes import sizes_figure
from marrow.drawing.style import save, styled
from marrow.evaluation.columns import COLUMNS
from marrow.tables.frames import read_table


def main(
    *,
    runs_table: Path,
    table: Path,
    picture: Path,
    figure: str,
    about: dict[str, Any],
    reference: str,
    significance: float,
) -> None:
    """Draw a figure.

    Args:
        runs_table: a row for each run.
        table: what is drawn: confusion, reliability, comparisons or, for sizes, the summary.
        picture: where the figure goes, SVG.
        figure: which: confusion_matrices, reliability_curves, differences or sizes.
        about: what the data are, and how many training bags each part has.
        reference: the method that the others are compared with.
        significance: below which a corrected p marks a difference.
    """
    runs = read_table(runs_table, COLUMNS["runs"])
    titles = dict(zip(runs["method"], runs["title"], strict=True))
    with styled():
        save(_drawn(figure, table, titles, about, reference, significance), picture)


def _drawn(
    figure: str, table: Path, titles: dict[str, str], about: dict[str, Any], reference: str, significance: float
) -> Figure:
    match figure:
        case "confusion_matrices":
            return confusion_figure(read_table(table, COLUMNS["confusion"]), titles)
        case "reliability_curves":
            return reliability_figure(read_table(table, COLUMNS["reliability"]), titles)
        case "differences":
            return differences_figure(read_table(table, COLUMNS["comparisons"]), titles, reference, significance)
        case _:
            return sizes_figure(read_table(table, COLUMNS["summary"]), titles, about["training_bags"])


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
