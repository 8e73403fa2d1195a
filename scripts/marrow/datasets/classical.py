"""The classical tables as bags: MUSK1, MUSK2, FOX, TIGER, ELEPHANT, published as 10 folds repeated 5 times.

All bags are in one split, `all`: the manifest of a fold says which of them train, and holds the scale of the features
over these. The published networks standardise over all bags, test folds included; features stay raw here so that a
fold cannot see its test bags. There are no instance labels.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow.bags.bag import Bag, Layout
from marrow.datasets.sources.catalogue import TABLES
from marrow.datasets.sources.tables import read_table
from marrow.errors import ConfigError

SPLIT = "all"
CLASSES = ("negative", "positive")


def layout(settings: Mapping[str, Any]) -> Layout:
    """A row of features, unscaled."""
    return Layout((TABLES[settings["table"]].features,), "float32")


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Negative, positive."""
    return CLASSES


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of the table, as far as it goes."""
    if split != SPLIT:
        raise ConfigError(f"{settings['table']}: split {split!r} was asked for; a table has one split, {SPLIT!r}.")
    name = settings["table"]
    table = read_table(name, sources[name])
    for number in range(first, min(first + count, len(table.positive))):
        yield Bag(
            f"bag-{number:03d}",
            table.features[table.bag == number].astype(np.float32),
            split=SPLIT,
            label=CLASSES[int(table.positive[number])],
        )
