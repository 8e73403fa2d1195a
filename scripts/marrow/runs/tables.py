"""Writers of the tables of a run, plain Parquet: history, predictions of bags, predictions of instances.

The metadata of predictions and instances names the data set, its classes and the digest of its manifest, by which
`marrow.runs.run_table` refuses a table of other bags.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.header import KEY
from marrow.bags.manifest import Entry, Manifest
from marrow.learning.inference import ModelOutput
from marrow.learning.training.trainer import Row
from marrow.runs.columns import (
    SHARE_PICTURES,
    by_attributes,
    by_pictures,
    manifest_digest,
    predicted_of,
    probability_of,
)
from marrow.workflow.fingerprint.values import canonical


def write_history(history: Sequence[Row], path: Path) -> None:
    """One row an epoch; a column for each number that any epoch has, empty where an epoch has none."""
    names = list(dict.fromkeys(name for row in history for name in row))
    kinds = {name: pa.int32() if name == "epoch" else pa.float64() for name in names}
    columns = {name: pa.array([row.get(name) for row in history], kinds[name]) for name in names}
    pq.write_table(pa.table(columns), path, compression="zstd")


def write_predictions(manifest: Manifest, entries: Sequence[Entry], verdicts: ModelOutput, path: Path) -> None:
    """One row a bag: bag, patient, split, site, label (-1 unknown), predicted class and class probabilities.

    Where two experts speak, what each says, and how much the pictures count.
    """
    columns: dict[str, Any] = {
        name: [getattr(entry, name) for entry in entries] for name in ("bag", "patient", "split", "site")
    }
    columns["label"] = pa.array([entry.label for entry in entries], pa.int8())
    columns["predicted"] = pa.array(verdicts.probabilities.argmax(1), pa.int8())
    columns |= _probabilities(manifest, verdicts.probabilities)
    if (experts := verdicts.experts) is not None:
        columns[SHARE_PICTURES] = experts.share
        columns |= _probabilities(manifest, experts.pictures, by_pictures)
        columns |= _probabilities(manifest, experts.attributes, by_attributes)
    _write(columns, manifest, path)


def write_instances(manifest: Manifest, entries: Sequence[Entry], verdicts: ModelOutput, path: Path) -> None:
    """One row an instance: bag, split, number in the bag; attention, class probabilities, auxiliary answers if any."""
    lengths = np.diff(verdicts.offsets)
    columns: dict[str, Any] = {
        "bag": pa.array(np.repeat([entry.bag for entry in entries], lengths)).dictionary_encode(),
        "split": pa.array(np.repeat([entry.split for entry in entries], lengths)).dictionary_encode(),
        "instance": pa.array(np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])),
    }
    if verdicts.attention is not None:
        columns["attention"] = verdicts.attention
    if verdicts.instances is not None:
        columns |= _probabilities(manifest, verdicts.instances)
    columns |= {predicted_of(task): values for task, values in verdicts.auxiliary.items()}
    _write(columns, manifest, path)


def _probabilities(
    manifest: Manifest, values: np.ndarray[Any, np.dtype[np.float32]], column: Callable[[str], str] = probability_of
) -> Mapping[str, Any]:
    return {column(name): values[:, number] for number, name in enumerate(manifest.classes)}


def _write(columns: Mapping[str, Any], manifest: Manifest, path: Path) -> None:
    about = {
        "dataset": manifest.dataset,
        "classes": list(manifest.classes),
        "manifest": manifest_digest(manifest),
    }
    table = pa.table(dict(columns)).replace_schema_metadata({KEY: canonical(about)})
    pq.write_table(table, path, compression="zstd")
