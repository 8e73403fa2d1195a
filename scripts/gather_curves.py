"""Rule gather_curves: losses, task weights, gradients and attention entropy of all epochs of an entry's runs."""

from pathlib import Path
from typing import Any

from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.curves import curves_of
from marrow.tables.frames import joined, write_table


def main(*, histories: list[Path], curves: Path, runs: list[dict[str, Any]]) -> None:
    """Gather the histories; one that is missing or damaged is left out.

    Args:
        histories: of each run, in the order of `runs`.
        curves: where a row for each run, epoch and quantity goes.
        runs: as planned: dataset, method, seed.
    """
    tables = (curves_of(run, path) for run, path in zip(runs, histories, strict=True))
    write_table(joined(tables, COLUMNS["curves"]), COLUMNS["curves"], curves)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
