"""Rule gather_localisation: the localisation scores of all runs of an entry in one table."""

from pathlib import Path

from marrow.explanation.localisation.summary import SUMMARY, RunFiles, summary_of
from marrow.tables.frames import write_table


def main(
    *,
    scores: list[Path],
    bag_scores: list[Path],
    perturbations: list[Path],
    inversions: list[Path],
    localisation: Path,
    methods: list[str],
) -> None:
    """Gather the scores of an entry.

    Args:
        scores: of each run, CSV; empty where it was stopped.
        bag_scores: of the bags of each run, CSV, in the same order.
        perturbations: probabilities after dropping instances, of each run, in the same order; or none at all.
        inversions: scores after inversion, CSV, in folders of the runs that were inverted; empty where it was stopped.
        localisation: the table to write: a row for each method and metric.
        methods: the method of each run.
    """
    curves = perturbations or [None] * len(scores)
    inverted = {_name(file): file for file in inversions}
    after = [inverted.get(_name(file)) for file in scores]
    runs = [RunFiles(*files) for files in zip(methods, scores, bag_scores, curves, after, strict=True)]
    write_table(summary_of(runs), SUMMARY, localisation)


def _name(file: Path) -> tuple[str, ...]:
    """Data set, method and seed of the run that a file belongs to."""
    return file.parts[-4:-1]


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
