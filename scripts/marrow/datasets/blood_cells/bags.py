"""Simulated patients as bags of pictures, of which the kinds of blood data sets are made."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from marrow.bags.bag import Bag
from marrow.datasets.blood_cells.cells import draw_cells
from marrow.datasets.blood_cells.painter import draw_stain, paint_cells
from marrow.datasets.blood_cells.patients import TUMORAL, draw_patient, draw_share, patient_label
from marrow.datasets.shared.generated import bag_id, bag_stream

INSTANCE_LABEL = "look of the simulated cell"
LOOKS = ("ordinary", TUMORAL)


def paint_bags(settings: Mapping[str, Any], split: str, first: int, count: int) -> Iterator[Bag]:
    """The patients `first` to `first + count - 1` of a split, their pictures in red, green, blue."""
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
