"""The patients of the kind `blood` as tables: one row of handcrafted features for every picture.

With the same settings, patients, splits, attributes and looks are those of `blood`. Pictures are segmented and measured
as Sahasrabudhe et al. do it in the classical row of their comparison (`marrow.datasets.blood_cells.segmentation`,
`marrow.datasets.blood_cells.features`). A picture in which no lymphocyte is found has zeros in all its features.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from marrow.bags.bag import Bag, Layout
from marrow.datasets.blood_cells.bags import INSTANCE_LABEL, LOOKS, paint_bags
from marrow.datasets.blood_cells.features import FEATURES, features_of
from marrow.datasets.blood_cells.patients import CLASSES


def layout(settings: Mapping[str, Any]) -> Layout:
    """A row of features, unscaled."""
    return Layout((len(FEATURES),), "float32", instance_label=INSTANCE_LABEL, instance_classes=LOOKS)


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Reactive and tumoral; a cell is key where its look is the class of its patient."""
    return CLASSES


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The patients `first` to `first + count - 1` of a split."""
    for bag in paint_bags(settings, split, first, count):
        yield replace(bag, patches=features_of(bag.patches))
