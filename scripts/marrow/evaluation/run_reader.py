"""A run's predictions from its folder, or why there are none.

Nothing here raises over a run that is damaged, foreign or half there: the evaluation says so and goes on with the
others.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.header import KEY
from marrow.bags.manifest import Manifest
from marrow.errors import MarrowError
from marrow.evaluation.metrics import metrics_of, why_undefined
from marrow.evaluation.predictions import Predictions
from marrow.evaluation.run_status import DONE, MISSING, STOPPED, JudgedRun, PlannedRun
from marrow.runs.columns import manifest_digest, probability_of
from marrow.workflow.record import read_record

AGAIN = "delete it and the record.json beside it, and run the workflow again"
SUM_WITHIN = 1e-3  # probabilities of a bag are float32


def judged(planned: PlannedRun, path: Path, record: Path, manifest: Manifest | MarrowError, bins: int) -> JudgedRun:
    """What became of a run.

    Args:
        planned: the run.
        path: of its predictions.
        record: of the run.
        manifest: of its data set, or what is wrong with that.
        bins: of the calibration error.
    """
    stopped = _stop(path, record)
    if stopped:
        return JudgedRun(planned, STOPPED, stopped, None, {})
    try:
        if isinstance(manifest, MarrowError):
            raise manifest
        predictions = read_predictions(path, manifest, "test")
    except MarrowError as error:
        return JudgedRun(planned, MISSING, str(error), None, {})
    metrics = metrics_of(predictions, bins)
    return JudgedRun(planned, DONE, why_undefined(predictions.labels, manifest.classes, metrics), predictions, metrics)


def read_predictions(path: Path, manifest: Manifest, split: str) -> Predictions:
    """What a run says of the bags of a split.

    Raises:
        MarrowError: the file is missing, damaged, of another manifest or of other classes.
    """
    table, about = _table(path)
    dataset = manifest.dataset
    if about.get("dataset") != dataset:
        raise MarrowError(f"{path.name} tells of {about.get('dataset')}, not of {dataset}; put the right file there")
    if tuple(about.get("classes", ())) != manifest.classes:
        told = ", ".join(about.get("classes", ()))
        raise MarrowError(
            f"{path.name} has the classes {told}, and {dataset} has {', '.join(manifest.classes)}; train again"
        )
    digest = manifest_digest(manifest)
    if about.get("manifest") != digest:
        raise MarrowError(
            f"{path.name} was made from another manifest of {dataset} (digest {str(about.get('manifest'))[:8]}, now "
            f"{digest[:8]}), so its bags, labels or splits are others; train again"
        )
    rows = {bag: row for row, bag in enumerate(table["bag"].to_pylist())}
    entries = [entry for entry in manifest.of_split(split) if entry.label >= 0]
    lacking = [entry.bag for entry in entries if entry.bag not in rows]
    if lacking:
        raise MarrowError(f"{path.name} has no row for {len(lacking)} bags, such as {lacking[0]}; {AGAIN}")
    columns = [table[probability_of(name)].to_numpy() for name in manifest.classes]
    probabilities = np.stack(columns, axis=1).astype(np.float64)[[rows[entry.bag] for entry in entries]]
    wrong = ~(np.abs(probabilities.sum(1) - 1) < SUM_WITHIN) | (probabilities < 0).any(1)
    if wrong.any():
        bag = entries[int(wrong.argmax())].bag
        raise MarrowError(f"{path.name}: the probabilities of {bag} are none, or do not sum to 1; {AGAIN}")
    return Predictions.of(entries, probabilities)


def _table(path: Path) -> tuple[pa.Table, Mapping[str, Any]]:
    """The columns that are read, and what the file says of itself."""
    try:
        if path.stat().st_size == 0:
            raise MarrowError(f"{path.name} is empty, and no record says why; {AGAIN}")
        with pq.ParquetFile(path) as file:
            table = file.read()
        about: Mapping[str, Any] = json.loads((table.schema.metadata or {})[KEY])
        needed = ["bag", *(probability_of(name) for name in about["classes"])]
        return table.select(needed), about
    except FileNotFoundError:
        raise MarrowError(f"{path.name} is missing; run the workflow to make it") from None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        raise MarrowError(f"{path.name} is damaged, cut off or no file of predictions; {AGAIN}") from None


def _stop(path: Path, record: Path) -> str:
    """Why the training was stopped; empty where it was not, or where predictions are there all the same."""
    found = read_record(record)
    if found is None or found.stopped is None or (path.exists() and path.stat().st_size):
        return ""
    return f"{found.stopped.stage} stopped it ({found.stopped.check}): {found.stopped.message}"
