"""Simulated patients with lymphocytosis, drawn from published aggregates alone; no patient's row is in here.

Counts of classes, of images per patient, ages and lymphocyte counts are those of the cohort of Sahasrabudhe et al.
("Deep Multi-Instance Learning Using Multi-Modal Data for Diagnosis of Lymphocytosis", 2020): 142, 21 and 42 patients,
16 to 198 images each. Age and count are drawn apart, as they are uncorrelated within a class there.

Ours is what aggregates leave open: the shape between them (beta distributions between bounds, log-linear quantiles),
the bounds of age, and the largest counts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

REACTIVE, TUMORAL = CLASSES = ("reactive", "tumoral")
REACTIVE_PATIENTS = {"train": (44, 142), "validation": (6, 21), "test": (13, 42)}

IMAGES = (82.0, 45.0, 16.0, 198.0)
"""Mean, standard deviation, least and most."""
AGES = {REACTIVE: (54.3, 19.6, 18.0, 100.0), TUMORAL: (75.2, 12.0, 18.0, 100.0)}
"""In years, likewise."""
COUNTS = {
    REACTIVE: ((0, 0.25, 0.5, 0.75, 1), (4.01, 4.2, 4.5, 5.7, 12.0)),
    TUMORAL: ((0, 0.25, 0.5, 0.75, 0.95, 1), (4.01, 6.9, 12.4, 31.1, 153.0, 500.0)),
}
"""Lymphocytes, 10^9 per litre: shares of patients, and the counts that they stay under. Below 4 is no lymphocytosis."""


@dataclass(frozen=True)
class Patient:
    """A simulated patient: class, age in years, lymphocytes in 10^9 per litre, and how many cells were photographed."""

    label: str
    age: float
    lymphocyte_count: float
    images: int


def patient_label(split: str, number: int) -> str:
    """The class of a split's patient, so that every split has its published counts, evenly spread."""
    reactive, patients = REACTIVE_PATIENTS[split]
    return REACTIVE if (number + 1) * reactive // patients > number * reactive // patients else TUMORAL


def draw_patient(rng: Generator, label: str) -> Patient:
    """A patient of a class."""
    shares, counts = COUNTS[label]
    count = np.exp(np.interp(rng.random(), shares, np.log(counts)))
    return Patient(label, round(_bounded(rng, *AGES[label]), 1), round(float(count), 2), round(_bounded(rng, *IMAGES)))


def draw_share(rng: Generator, mean: float) -> float:
    """A patient's share of cells that look tumoral, around the mean of the class."""
    return float(rng.beta(10 * mean, 10 * (1 - mean))) if 0 < mean < 1 else mean


def _bounded(rng: Generator, mean: float, std: float, low: float, high: float) -> float:
    """A beta distribution between two bounds that has this mean and this standard deviation."""
    middle, spread = (mean - low) / (high - low), std / (high - low)
    weight = middle * (1 - middle) / spread**2 - 1
    return low + (high - low) * float(rng.beta(middle * weight, (1 - middle) * weight))
