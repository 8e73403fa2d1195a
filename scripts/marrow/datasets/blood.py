"""A SIMULATED stand-in for the lymphocytosis data: patients with pictures of blood cells, an age, a lymphocyte count.

The pictures are painted (`marrow.datasets.blood_cells`), the patients are drawn from published aggregates. A share of
the cells of a tumoral patient looks tumoral, and a few of a reactive patient do, so that neither one cell nor age and
count alone decide; the data are meant for models that combine both. Only the sizes of the splits, pictures per patient
and attributes are like the published cohort: results are not comparable with the paper's.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from marrow.bags.bag import Bag, Layout
from marrow.datasets.blood_cells.cells import draw_cells
from marrow.datasets.blood_cells.painter import draw_stain, paint_cells
from marrow.datasets.blood_cells.patients import CLASSES, TUMORAL, draw_patient, draw_share, patient_label
from marrow.datasets.shared.generated import bag_id, bag_stream


def layout(settings: Mapping[str, Any]) -> Layout:
    """Square colour pictures."""
    return Layout(
        (3, settings["pixels"], settings["pixels"]),
        "uint8",
        channels=("red (simulated)", "green (simulated)", "blue (simulated)"),
        instance_label="look of the simulated cell",
        instance_classes=("ordinary", TUMORAL),
    )


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Reactive and tumoral; a cell is key where its look is the class of its patient."""
    return CLASSES


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The patients `first` to `first + count - 1` of a split."""
    for number in range(first, first + count):
        rng = bag_stream(settings["seed"], split, number)
        patient = draw_patient(rng, patient_label(split, number))
        share = draw_share(rng, settings["tumoral_looks"][patient.label])
        looks_tumoral = rng.random(patient.images) < share
        if patient.label == TUMORAL:
            # A patient whose disease cannot be seen would be mislabelled.
            looks_tumoral[rng.integers(patient.images)] = True
        cells = draw_cells(rng, looks_tumoral, settings["distinctness"])
        yield Bag(
            bag_id(split, number),
            paint_cells(rng, cells, draw_stain(rng), settings["pixels"]),
            patient=f"simulated-{bag_id(split, number)}",
            split=split,
            label=patient.label,
            instance_label=looks_tumoral.astype(np.uint8),
            attributes={"age": patient.age, "lymphocyte_count": patient.lymphocyte_count},
        )
