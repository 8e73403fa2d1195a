"""Generated bags: what the module of a kind offers, how bags are numbered, and a file of them.

A bag depends on its settings, its split and its number alone: bag 7 of 100 is bag 7 of 150, whatever file it is in. So
its number gives it its id and all its random numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from marrow.bags.bag import Bag, Layout
from marrow.bags.file import write_bags
from marrow.bags.splits import SPLITS


class Kind(Protocol):
    """What the module of a kind of data set offers."""

    def layout(self, settings: Mapping[str, Any]) -> Layout:
        """What its bags share."""
        ...

    def classes(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The classes of its bags, the negative one first."""
        ...

    def make_bags(
        self, settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
    ) -> Iterator[Bag]:
        """The bags `first` to `first + count - 1` of a split.

        Args:
            settings: of the data set, complete; those that only choose among bags (how many, folds) are left out.
            sources: name of a source of public data -> the file or folder that has it.
            split: train, validation or test; `all` where the data are cross-validated.
            first: the number of the first bag.
            count: how many.
        """
        ...


def bag_id(split: str, number: int) -> str:
    """The id of a bag, such as `train-00007`."""
    return f"{split}-{number:05d}"


def bag_stream(seed: int, split: str, number: int) -> np.random.Generator:
    """The random numbers of a bag."""
    return np.random.default_rng([seed, SPLITS.index(split), number])


def write_block(
    kind: Kind,
    sources: Mapping[str, Path],
    path: Path,
    settings: Mapping[str, Any],
    split: str,
    first: int,
    count: int,
) -> None:
    """Write the bags `first` to `first + count - 1` of a split to a file."""
    layout = replace(kind.layout(settings), classes=kind.classes(settings))
    write_bags(kind.make_bags(settings, sources, split, first, count), layout, path)
