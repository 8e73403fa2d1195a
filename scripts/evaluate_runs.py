"""Rule evaluate_runs: how good the runs of an entry are on their test bags, and which differ from the reference."""

from pathlib import Path
from typing import Any

from marrow.bags.manifest import Manifest, read_manifest
from marrow.errors import MarrowError
from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.evaluate import Settings, evaluate
from marrow.evaluation.evaluated_runs import PlannedRun
from marrow.evaluation.experts import expert_table
from marrow.evaluation.run_reader import read_run
from marrow.tables.frames import write_table


def main(
    *,
    predictions: list[Path],
    run_records: list[Path],
    manifests: list[Path],
    runs_table: Path,
    summary: Path,
    comparisons: Path,
    confusion: Path,
    reliability: Path,
    groups: Path,
    experts: Path,
    notes: Path,
    runs: list[dict[str, Any]],
    datasets: list[str],
    reference: str,
    bag: str,
    settings: dict[str, Any],
) -> None:
    """Measure every run, average, compare; a run that is missing or damaged is listed with the reason.

    Args:
        predictions: of each run, in the order of `runs`.
        run_records: the record of each run, which says why it was stopped.
        manifests: of the data sets, in the order of `datasets`.
        runs_table: where a row for each run goes, CSV as all that follow.
        summary: means over runs, with spread and interval.
        comparisons: every method against the reference.
        confusion: which classes are taken for which.
        reliability: how often probabilities come true.
        groups: means by bag, patient, site and class.
        experts: what each of two experts says of each test bag, for methods that have two.
        notes: why numbers are empty.
        runs: as planned: dataset, method, title, seed, part.
        datasets: their names.
        reference: the method that the others are compared with.
        bag: what a bag is called.
        settings: the section `evaluation` of the config, without the reference.
    """
    made = Settings(**settings)
    read = dict(zip(datasets, map(_manifest, manifests), strict=True))
    planned = [PlannedRun(**run) for run in runs]
    evaluated = [
        read_run(run, path, record, read[run.dataset], made.calibration_bins)
        for run, path, record in zip(planned, predictions, run_records, strict=True)
    ]
    known = [manifest for manifest in read.values() if isinstance(manifest, Manifest)]
    tables = evaluate(evaluated, reference, known[0].classes if known else (), bag, made)
    places = {
        "runs": runs_table,
        "summary": summary,
        "comparisons": comparisons,
        "confusion": confusion,
        "reliability": reliability,
        "groups": groups,
        "notes": notes,
    }
    manifest_of_runs = [read[run.dataset] for run in planned]
    said = expert_table(list(zip(planned, predictions, manifest_of_runs, strict=True)))
    write_table(said, COLUMNS["experts"], experts)
    for name, path in places.items():
        write_table(tables[name], COLUMNS[name], path)


def _manifest(path: Path) -> Manifest | MarrowError:
    try:
        return read_manifest(path)
    except MarrowError as error:
        return error


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
