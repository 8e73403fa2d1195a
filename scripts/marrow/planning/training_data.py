"""What a model learns from: the training and validation bags of a data set, and what counts of them.

A training reads this part of a data set and nothing else. So a test scan that comes, goes or is mended, and a column of
the sheet that no method uses, leave every model as it is.
"""

from dataclasses import replace
from pathlib import Path

from marrow.planning.datasets import DataSet

LEARNING = ("train", "validation")
TRAINING_SUFFIX = "-training"  # behind the name of a data set: the manifest of this part
_UNUSED = frozenset({"site", "attributes"})  # columns of the sheet that no method learns from


def training_part(dataset: DataSet) -> DataSet:
    """The training and validation bags of a data set, under its name."""
    if dataset.rows:
        kept = [(bag, row) for bag, row in zip(dataset.bags, dataset.rows, strict=True) if row["split"] in LEARNING]
        rows = tuple({key: value for key, value in row.items() if key not in _UNUSED} for _, row in kept)
        return replace(dataset, bags=tuple(bag for bag, _ in kept), rows=rows)
    if "folds" in dataset.selection:
        return replace(dataset, selection={**dataset.selection, "splits": list(LEARNING)})
    bags = tuple(bag for bag in dataset.bags if Path(bag).name.rpartition("-")[0] in LEARNING)
    return replace(dataset, bags=bags, selection={split: dataset.selection[split] for split in LEARNING})
