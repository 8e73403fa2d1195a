"""A run of an entry, read from its folder and measured; or why it cannot be.

A run that is damaged, incomplete or of other bags raises no error: its reason goes into the tables, and the evaluation
goes on with the others.
"""

from pathlib import Path

import numpy as np

from marrow.bags.manifest import Manifest
from marrow.errors import MarrowError
from marrow.evaluation.evaluated_runs import DONE, MISSING, STOPPED, EvaluatedRun, PlannedRun
from marrow.evaluation.metrics import metrics_of, why_undefined
from marrow.evaluation.predictions import Predictions
from marrow.runs.columns import probability_of
from marrow.runs.run_table import AGAIN, read_run_table
from marrow.workflow.record import read_record

SUM_WITHIN = 1e-3  # probabilities of a bag are float32


def read_run(
    planned: PlannedRun, path: Path, record: Path, manifest: Manifest | MarrowError, bins: int
) -> EvaluatedRun:
    """A run with its predictions and metrics, or with the reason why there are none.

    Args:
        planned: the run.
        path: of its predictions.
        record: of the run.
        manifest: of its data set, or what is wrong with that.
        bins: of the calibration error.
    """
    if stopped := _why_stopped(path, record):
        return EvaluatedRun(planned, STOPPED, stopped, None, {})
    try:
        if isinstance(manifest, MarrowError):
            raise manifest
        predictions = read_predictions(path, manifest, "test")
    except MarrowError as error:
        return EvaluatedRun(planned, MISSING, str(error), None, {})
    metrics = metrics_of(predictions, bins)
    return EvaluatedRun(
        planned, DONE, why_undefined(predictions.labels, manifest.classes, metrics), predictions, metrics
    )


def read_predictions(path: Path, manifest: Manifest, split: str) -> Predictions:
    """The predictions of a run for the labelled bags of a split.

    Raises:
        MarrowError: the file is missing, damaged, of another manifest or of other classes.
    """
    columns = [probability_of(name) for name in manifest.classes]
    table = read_run_table(path, manifest, ["bag", *columns])
    rows = {bag: row for row, bag in enumerate(table["bag"].to_pylist())}
    entries = [entry for entry in manifest.of_split(split) if entry.label >= 0]
    lacking = [entry.bag for entry in entries if entry.bag not in rows]
    if lacking:
        raise MarrowError(f"{path.name} has no row for {len(lacking)} bags, such as {lacking[0]}; {AGAIN}")
    values = np.stack([table[column].to_numpy() for column in columns], axis=1).astype(np.float64)
    probabilities = values[[rows[entry.bag] for entry in entries]]
    wrong = ~(np.abs(probabilities.sum(1) - 1) < SUM_WITHIN) | (probabilities < 0).any(1)
    if wrong.any():
        bag = entries[int(wrong.argmax())].bag
        raise MarrowError(f"{path.name}: the probabilities of {bag} are none, or do not sum to 1; {AGAIN}")
    return Predictions.of(entries, probabilities)


def _why_stopped(path: Path, record: Path) -> str:
    """Why the training was stopped; empty where it was not, or where predictions are there all the same."""
    run = read_record(record)
    if run is None or run.stopped is None or (path.exists() and path.stat().st_size):
        return ""
    return f"{run.stopped.stage} stopped it ({run.stopped.check}): {run.stopped.message}"
