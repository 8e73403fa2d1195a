"""What a run says of bags and their instances, beside what bags are known to hold.

A table is read together with the manifest that it was made of, and no other: its metadata hold the manifest's digest.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.bag import Array
from marrow.bags.damage import misfit
from marrow.bags.file import open_bags
from marrow.bags.header import KEY, REMEDY
from marrow.bags.manifest import Entry, Manifest
from marrow.errors import MarrowError, RunStopped
from marrow.explanation.localisation.keys import Mask, key_instances
from marrow.explanation.localisation.quantities import Quantity, instance_outputs, quantities_of
from marrow.runs.columns import manifest_digest

_TRAINED_ANEW = "delete the folder of the run and run the workflow again"


@dataclass(frozen=True)
class ExplainedBag:
    """A bag with what a run says of its instances.

    Attributes:
        entry: its row in the manifest.
        quantities: name -> a score of each instance.
        keys: which instances are key; None where nobody knows.
        is_negative: whether its class is one in which nothing is key.
        columns: what the bag says of its instances: places, bones.
    """

    entry: Entry
    quantities: Mapping[str, Quantity]
    keys: Mask | None
    is_negative: bool
    columns: Mapping[str, Array]

    def counts(self, label: str | None) -> bool:
        """Whether a quantity that looks for a class (None: for any) is scored on this bag: it has what is sought."""
        return self.keys is not None and bool(self.keys.any()) and label in (None, self.entry.label_name)


class InstanceTable:
    """What a run says of instances, bag after bag.

    Args:
        path: the run's `instances.parquet`.
        manifest: of the bags.

    Raises:
        RunStopped: the run was stopped, or its table is damaged, of other bags or of other classes.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        table = read_run_table(path, manifest)
        bags = table["bag"].to_pylist()
        starts = [number for number, name in enumerate(bags) if number == 0 or name != bags[number - 1]]
        ends = [*starts[1:], len(bags)]
        self._rows = {bags[start]: slice(start, end) for start, end in zip(starts, ends, strict=True)}
        self._columns = {
            name: table[name].to_numpy() for name in table.column_names if name not in {"bag", "split", "instance"}
        }

    def of(self, entry: Entry) -> dict[str, npt.NDArray[np.generic]]:
        """What is said of a bag's instances, by column.

        Raises:
            RunStopped: the table lacks the bag, or has it with another number of instances.
        """
        rows = self._rows.get(entry.bag, slice(0, 0))
        if rows.stop - rows.start != entry.instances:
            raise RunStopped(
                "all_instances",
                f"bag {entry.bag} has {entry.instances} instances, and the run says something of "
                f"{rows.stop - rows.start}; {_TRAINED_ANEW}",
            )
        return {name: values[rows] for name, values in self._columns.items()}


def read_run_table(path: Path, manifest: Manifest) -> pa.Table:
    """A table of a run, checked to be of these bags.

    Raises:
        RunStopped: the run was stopped, or its table is damaged, of other bags or of other classes.
    """
    if not path.exists() or not path.stat().st_size:
        raise RunStopped("above", f"there is no {path.name}: the run was stopped; its record says why")
    try:
        table = pq.read_table(path)
        about: Mapping[str, Any] = json.loads((table.schema.metadata or {})[KEY])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        reason = f"{path.name} is damaged or no table of a run ({error})"
        raise RunStopped("readable", f"{reason}; {_TRAINED_ANEW}") from None
    if tuple(about["classes"]) != manifest.classes:
        raise RunStopped(
            "same_classes",
            f"{path.name} tells {', '.join(about['classes'])} apart, and {manifest.dataset} has the classes "
            f"{', '.join(manifest.classes)}; {_TRAINED_ANEW}",
        )
    if about["manifest"] != manifest_digest(manifest):
        raise RunStopped(
            "same_manifest",
            f"{path.name} was made of other bags than {manifest.path.name} holds now (digest "
            f"{about['manifest'][:12]}...); {_TRAINED_ANEW}",
        )
    return table


def explained_bags(
    table: InstanceTable, manifest: Manifest, splits: Sequence[str], negatives: Sequence[int], least_lesion: float
) -> Iterator[ExplainedBag]:
    """The bags of some splits with what a run says of their instances.

    Args:
        table: what the run says.
        manifest: of the bags.
        splits: which ones.
        negatives: the numbers of the classes in which nothing is key.
        least_lesion: share of a patch that has to be lesion to be key.
    """
    for entry in manifest.entries:
        if entry.split in splits:
            columns = instance_columns(manifest, entry)
            yield ExplainedBag(
                entry=entry,
                quantities=quantities_of(instance_outputs(table.of(entry), manifest.classes, negatives)),
                keys=keys_of(columns, manifest, entry, negatives, least_lesion),
                is_negative=entry.label in negatives,
                columns=columns,
            )


def keys_of(
    columns: Mapping[str, Array], manifest: Manifest, entry: Entry, negatives: Sequence[int], least_lesion: float
) -> Mask | None:
    """Which instances of a bag are key, (instances,); None where nobody knows.

    Args:
        columns: what the bag says of its instances.
        manifest: of the bags.
        entry: the bag's row in it.
        negatives: the numbers of the classes in which nothing is key.
        least_lesion: share of a patch that has to be lesion to be key.
    """
    labels = columns.get("instance_label")
    return key_instances(labels, entry.label_name, entry.label in negatives, manifest.layout, least_lesion)


def instance_columns(manifest: Manifest, entry: Entry) -> dict[str, Array]:
    """What a bag says of its instances, without their patches.

    Raises:
        MarrowError: the bag is missing, damaged or not what the manifest says.
    """
    path = manifest.file_of(entry)
    with open_bags(path) as (file, header):
        if problem := misfit(file, header, entry, manifest, digests=False):
            raise MarrowError(f"bag {entry.bag} ({path.name}): {problem}; {REMEDY}")
        wanted = [name for name in file.schema_arrow.names if name != "patch"]
        columns = file.read_row_group(entry.row_group, columns=wanted)
        return {name: columns[name].to_numpy() for name in wanted}
