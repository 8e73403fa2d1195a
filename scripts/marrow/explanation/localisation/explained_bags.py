"""The bags of a data set with the instance scores of a run, and the instances that are known to be key."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Array
from marrow.bags.damage import misfit
from marrow.bags.file import open_bags
from marrow.bags.header import REMEDY
from marrow.bags.manifest import Entry, Manifest
from marrow.errors import MarrowError, RunStopped
from marrow.explanation.localisation.keys import Mask, key_instances
from marrow.explanation.localisation.quantities import Quantity, instance_outputs, quantities_of
from marrow.runs.run_table import AGAIN, read_run_table


@dataclass(frozen=True)
class ExplainedBag:
    """A bag with a run's scores of its instances.

    Attributes:
        entry: its row in the manifest.
        quantities: name -> a score of each instance.
        keys: which instances are key; None where nobody knows.
        is_negative: whether its class is one in which nothing is key.
        columns: the bag's columns: places, bones, labels of instances.
    """

    entry: Entry
    quantities: Mapping[str, Quantity]
    keys: Mask | None
    is_negative: bool
    columns: Mapping[str, Array]

    def counts(self, label: str | None) -> bool:
        """Whether a quantity of a class (None: of any) is scored on this bag: one of that class with key instances."""
        return self.keys is not None and bool(self.keys.any()) and label in (None, self.entry.label_name)


class InstanceTable:
    """A run's table of instances, by bag.

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
        """The columns of a bag's instances.

        Raises:
            RunStopped: the table lacks the bag, or has it with another number of instances.
        """
        rows = self._rows.get(entry.bag, slice(0, 0))
        if rows.stop - rows.start != entry.instances:
            raise RunStopped(
                "all_instances",
                f"bag {entry.bag} has {entry.instances} instances, and the run's table has "
                f"{rows.stop - rows.start}; {AGAIN}",
            )
        return {name: values[rows] for name, values in self._columns.items()}


def explained_bags(
    table: InstanceTable,
    manifest: Manifest,
    splits: Sequence[str],
    negatives: Sequence[int],
    least_lesion: float,
    key_classes: Mapping[str, Sequence[str]],
) -> Iterator[ExplainedBag]:
    """The bags of some splits with a run's scores of their instances.

    Args:
        table: of the run.
        manifest: of the bags.
        splits: which ones.
        negatives: the numbers of the classes in which nothing is key.
        least_lesion: share of a patch that has to be lesion to be key.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
    """
    for entry in manifest.entries:
        if entry.split in splits:
            columns = instance_columns(manifest, entry)
            yield ExplainedBag(
                entry=entry,
                quantities=quantities_of(instance_outputs(table.of(entry), manifest.classes, negatives)),
                keys=keys_of(columns, manifest, entry, negatives, least_lesion, key_classes),
                is_negative=entry.label in negatives,
                columns=columns,
            )


def keys_of(
    columns: Mapping[str, Array],
    manifest: Manifest,
    entry: Entry,
    negatives: Sequence[int],
    least_lesion: float,
    key_classes: Mapping[str, Sequence[str]],
) -> Mask | None:
    """Which instances of a bag are key, (instances,); None where nobody knows.

    Args:
        columns: the bag's columns.
        manifest: of the bags.
        entry: the bag's row in it.
        negatives: the numbers of the classes in which nothing is key.
        least_lesion: share of a patch that has to be lesion to be key.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
    """
    labels = columns.get("instance_label")
    return key_instances(labels, entry.label_name, entry.label in negatives, manifest.layout, least_lesion, key_classes)


def instance_columns(manifest: Manifest, entry: Entry) -> dict[str, Array]:
    """The columns of a bag, without the patches.

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
