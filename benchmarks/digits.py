"""Perturbing a digit of MNIST: the mean over the four instance types of Morpho-MNIST bags, on one core.

There is no peer in the run, so the time is the processor's and not the clock's, which a busy machine would spoil.
"""

import statistics
import time

import numpy as np

from benchmarks.measurement import Benchmark, Goal, Measurement
from benchmarks.public_data import mnist_folder
from benchmarks.training import dataset_settings
from marrow.datasets.morpho import INSTANCE_CLASSES, draw_digit
from marrow.datasets.morphology.resolution import Image
from marrow.datasets.morphology.stroke import components
from marrow.datasets.sources.mnist import read_mnist

DIGITS = 200
REPEATS = 5


def measure() -> list[Measurement]:
    """Milliseconds of processor time for a digit, from its image to the perturbed image and the number of its parts."""
    images = read_mnist(mnist_folder("morpho_digit"), "train")[0][:DIGITS]
    settings = dataset_settings("morpho")
    seconds = statistics.median(_seconds(images, settings) for _ in range(REPEATS))
    return [Measurement("morpho_digit", 1e3 * seconds / DIGITS / len(INSTANCE_CLASSES), "ms")]


def _seconds(images: Image, settings: dict[str, object]) -> float:
    rng = np.random.default_rng(0)
    began = time.process_time()
    for kind in range(len(INSTANCE_CLASSES)):
        for image in images:
            components(draw_digit(image, kind, settings, rng))
    return time.process_time() - began


DIGIT = Benchmark(
    "morpho_digit",
    f"{DIGITS} digits of MNIST made plain, fractured, swollen, and thickened and swollen, and their parts counted: the "
    "mean for a digit, in time of one core.",
    {"morpho_digit": Goal("value", "most", 10, "at most 10 ms a digit")},
    measure,
)
