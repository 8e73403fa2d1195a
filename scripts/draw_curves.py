"""Rule draw_curves: how training went, or how auxiliary tasks were weighed meanwhile."""

from pathlib import Path
from typing import Any

from marrow.drawing.figures.course import TRAINING, WEIGHTS, course_figure, has_weights
from marrow.drawing.style import message, save, styled
from marrow.evaluation.curves import Curves
from marrow.evaluation.evaluated_runs import PlannedRun


def main(*, curves: Path, picture: Path, figure: str, runs: list[dict[str, Any]]) -> None:
    """Draw a figure.

    Args:
        curves: all epochs of all runs.
        picture: where the figure goes, SVG.
        figure: which: training or weights.
        runs: as planned: dataset, method, title, seed, part.
    """
    planned = [PlannedRun(**run) for run in runs]
    parts = {run.dataset: run.part for run in planned}
    titles = {run.method: run.title for run in planned}
    read = Curves(curves, parts)
    if figure == "weights":
        titles = {method: title for method, title in titles.items() if has_weights(read, method)}
    with styled():
        if figure == "weights" and not titles:
            drawn = message("No method here weighs auxiliary tasks.")
        else:
            columns = WEIGHTS if figure == "weights" else TRAINING
            drawn = course_figure(read, titles, list(dict.fromkeys(parts.values())), columns)
        save(drawn, picture)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
