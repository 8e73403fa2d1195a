"""The one reader of the tables of a run, `predictions.parquet` and `instances.parquet`.

The metadata of a table name the data set, its classes and the digest of its manifest; a table that is not of the bags
that it is read for is refused.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.header import KEY
from marrow.bags.manifest import Manifest
from marrow.errors import RunStopped
from marrow.runs.columns import manifest_digest

AGAIN = "delete it and the record.json beside it, and run the workflow again"


def read_run_table(path: Path, manifest: Manifest, needed: Iterable[str] = ("bag",)) -> pa.Table:
    """A table of a run with the columns that are needed, checked to be of the bags of a manifest.

    Raises:
        RunStopped: the table is missing, empty or damaged, or of another data set, other classes or other bags.
    """
    table, dataset, classes, digest = _read(path)
    if dataset != manifest.dataset:
        raise RunStopped(
            "same_dataset", f"{path.name} is of {dataset}, not of {manifest.dataset}; put the right file there"
        )
    if classes != manifest.classes:
        raise RunStopped(
            "same_classes",
            f"{path.name} tells {', '.join(classes)} apart, and {dataset} has the classes "
            f"{', '.join(manifest.classes)}; train again",
        )
    if digest != (now := manifest_digest(manifest)):
        raise RunStopped(
            "same_manifest",
            f"{path.name} was made of other bags than {manifest.path.name} holds now, or with other labels or splits: "
            f"of another manifest (digest {digest[:8]}, now {now[:8]}); train again",
        )
    if lacking := [name for name in needed if name not in table.column_names]:
        raise RunStopped("readable", f"{path.name} lacks the column {', '.join(lacking)}; {AGAIN}")
    return table


def _read(path: Path) -> tuple[pa.Table, str, tuple[str, ...], str]:
    """A table with the data set, the classes and the digest of the manifest that it names."""
    try:
        if path.stat().st_size == 0:
            raise RunStopped(
                "above", f"{path.name} is empty: the run was stopped; its record says why. If it does not, {AGAIN}"
            )
        with pq.ParquetFile(path) as file:
            table = file.read()
        about = json.loads((table.schema.metadata or {})[KEY])
        return table, about["dataset"], tuple(about["classes"]), str(about["manifest"])
    except FileNotFoundError:
        raise RunStopped("above", f"{path.name} is missing; run the workflow to make it") from None
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        raise RunStopped("readable", f"{path.name} is damaged or no table of a run; {AGAIN}") from None
