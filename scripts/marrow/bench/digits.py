"""Perturbing a digit of MNIST: the mean over the four instance types of Morpho-MNIST bags, on one core.

There is no peer in the run, so the time is the processor's and not the clock's, which a busy machine would spoil.
"""

import os
import statistics
import time
from pathlib import Path

import numpy as np

from marrow.bag_sets.morpho import INSTANCE_CLASSES, draw_digit
from marrow.bench.measurement import Benchmark, Goal, Measurement
from marrow.config import complete, read_schema
from marrow.digits.measure import components
from marrow.digits.resolution import Image
from marrow.errors import MarrowError
from marrow.sources.catalogue import how_to_give
from marrow.sources.idx import read_mnist
from marrow.sources.located import located

DIGITS = 200
REPEATS = 5
_SCHEMA = Path(__file__).parents[3] / "schemas" / "datasets" / "morpho.yaml"


def measure() -> list[Measurement]:
    """Milliseconds of processor time for a digit, from its image to the perturbed image and the number of its parts."""
    images = read_mnist(_folder(), "train")[0][:DIGITS]
    settings = complete({"kind": "morpho"}, read_schema(_SCHEMA))
    seconds = statistics.median(_seconds(images, settings) for _ in range(REPEATS))
    return [Measurement("morpho_digit", 1e3 * seconds / DIGITS / len(INSTANCE_CLASSES), "ms")]


def _seconds(images: Image, settings: dict[str, object]) -> float:
    rng = np.random.default_rng(0)
    began = time.process_time()
    for kind in range(len(INSTANCE_CLASSES)):
        for image in images:
            components(draw_digit(image, kind, settings, rng))
    return time.process_time() - began


def _folder() -> Path:
    """Where the public data lie that MARROW_DATA names, or where the workflow has put them."""
    folder = Path(os.environ.get("MARROW_DATA", "results/sources")) / "mnist"
    if located("mnist", folder) is None:
        raise MarrowError(
            f"morpho_digit: MNIST is not in {folder}; let MARROW_DATA name a folder that has it in its folder mnist. "
            f"{how_to_give('mnist')}"
        )
    return folder


DIGIT = Benchmark(
    "morpho_digit",
    f"{DIGITS} digits of MNIST made plain, fractured, swollen, and thickened and swollen, and their parts counted: the "
    "mean for a digit, in time of one core.",
    {"morpho_digit": Goal("value", "most", 10, "at most 10 ms a digit")},
    measure,
)
