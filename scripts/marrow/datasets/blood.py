"""A SIMULATED stand-in for the lymphocytosis data: patients with pictures of blood cells, an age, a lymphocyte count.

The pictures are painted (`marrow.datasets.blood_cells`), the patients are drawn from published aggregates. A share of
the cells of a tumoral patient looks tumoral, and a few of a reactive patient do, so that neither one cell nor age and
count alone decide; the data are meant for models that combine both. Only the sizes of the splits, pictures per patient
and attributes are like the published cohort: results are not comparable with the paper's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from marrow.bags.bag import Bag, Layout
from marrow.datasets.blood_cells.bags import INSTANCE_LABEL, LOOKS, paint_bags
from marrow.datasets.blood_cells.patients import CLASSES


def layout(settings: Mapping[str, Any]) -> Layout:
    """Square colour pictures."""
    return Layout(
        (3, settings["pixels"], settings["pixels"]),
        "uint8",
        channels=("red (simulated)", "green (simulated)", "blue (simulated)"),
        instance_label=INSTANCE_LABEL,
        instance_classes=LOOKS,
    )


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Reactive and tumoral; a cell is key where its look is the class of its patient."""
    return CLASSES


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The patients `first` to `first + count - 1` of a split."""
    yield from paint_bags(settings, split, first, count)
