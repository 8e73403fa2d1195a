"""Rule gather_localisation: the localisation scores of all runs of an entry in one table."""

from collections import defaultdict
from pathlib import Path

from marrow.explanation.localisation.perturbation_table import AREA, Step
from marrow.explanation.localisation.score import BagScore, Score, columns_of, number, read_rows, write_rows
from marrow.explanation.localisation.summary import Row, RunScores, summarise


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
        perturbations: what becomes of bags when instances are dropped, of each run, in the same order; or none at all.
        inversions: scores after inversion, CSV, in folders of the runs that were inverted; empty where it was stopped.
        localisation: the table to write: a row for each method and metric.
        methods: the method of each run.
    """
    curves = perturbations or [None] * len(scores)
    inverted = {_name(file): file for file in inversions}
    after = [inverted.get(_name(file)) for file in scores]
    runs = [_read(*files) for files in zip(methods, scores, bag_scores, curves, after, strict=True)]
    write_rows(summarise(runs), Row, localisation)


def _name(file: Path) -> tuple[str, ...]:
    """Data set, method and seed of the run that a file belongs to."""
    return file.parts[-4:-1]


def _read(method: str, scores: Path, bag_scores: Path, perturbation: Path | None, inversion: Path | None) -> RunScores:
    values = {(row["quantity"], row["metric"]): number(row["value"]) for row in read_rows(scores, columns_of(Score))}
    by_patient: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in read_rows(bag_scores, columns_of(BagScore)):
        by_patient[row["quantity"], row["metric"]][row["patient"]].append(float(row["value"]))
    for row in read_rows(perturbation, columns_of(Step)) if perturbation and values else []:
        values[row["quantity"], AREA] = number(row["area"])
    for row in read_rows(inversion, columns_of(Score)) if inversion and values else []:
        values.setdefault((row["quantity"], row["metric"]), number(row["value"]))
    return RunScores(method, values, by_patient)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
