"""Which instances are key: those that make their bag what it is. For evaluation alone.

| instance labels are | key are, in a bag of any class but the first |
|---|---|
| classes, and the bag's class is one of them | instances of that class (a 9 in a bag called 9, a tumoral cell) |
| classes, and it is not | instances of the classes that make a bag positive, below |
| a share of lesion | instances that hold any |

Bags of the first class have none.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Array, Layout
from marrow.bags.bag_file import open_bags
from marrow.bags.manifest import Entry, Manifest

Marks = npt.NDArray[np.bool_]

COLUMN = "instance_label"
# Of Morpho-MNIST's binary task, and of the algorithmic unit tests.
MAKE_POSITIVE = {"focal", "diffuse", "first concept", "second concept"}


def key_instances(manifest: Manifest, entries: Iterable[Entry]) -> list[Marks | None]:
    """For each bag which of its instances are key, (instances,); None where nobody knows."""
    return [
        None if labels is None else key_of(labels, entry.label, entry.label_name, manifest.layout)
        for entry, labels in ((entry, _labels(manifest, entry)) for entry in entries)
    ]


def key_of(labels: Array, label: int, label_name: str, layout: Layout) -> Marks | None:
    """Which instances of a bag are key.

    Args:
        labels: (instances,), numbers of their classes, or shares.
        label: number of the bag's class; -1 where it is unknown.
        label_name: its name.
        layout: of the bag.
    """
    if label < 0 or np.isnan(labels.astype(np.float64)).any():
        return None
    if label == 0:
        return np.zeros(len(labels), dtype=np.bool_)
    if not layout.instance_classes:
        return labels > 0
    names = _names_of(label_name, layout.instance_classes)
    return np.isin(labels, [layout.instance_classes.index(name) for name in names]) if names else None


def _names_of(label_name: str, classes: Sequence[str]) -> list[str]:
    """The classes of key instances; none where nobody says which."""
    return [label_name] if label_name in classes else [name for name in classes if name in MAKE_POSITIVE]


def _labels(manifest: Manifest, entry: Entry) -> Array | None:
    """The labels of a bag's instances, if it has them."""
    with open_bags(manifest.file_of(entry)) as (file, _):
        if COLUMN not in file.schema_arrow.names:
            return None
        return file.read_row_group(entry.row_group, columns=[COLUMN])[COLUMN].to_numpy()
