"""Calibration: how often what a model says with a probability comes true.

Bins of equal width. Of two classes, the probability is that of the second class, and it comes true where that is the
label; of more, it is that of the predicted class, and comes true where the prediction is right. The calibration error
is the mean over bags of |share that came true - mean probability| of their bins.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.calibration import calibration_curve

from marrow.evaluation.predictions import Labels, Numbers, Predictions


@dataclass(frozen=True)
class Bin:
    """The bags whose probability lies above `low` and up to `high`; NaN where there is none."""

    low: float
    high: float
    count: int
    mean_probability: float
    observed: float


def bins_of(confidence: Numbers, bins: int) -> Labels:
    """Which bin each probability (bags,) lies in, as scikit-learn cuts them: an edge belongs to the bin below it."""
    edges = np.linspace(0, 1, bins + 1)
    return np.searchsorted(edges[1:-1], confidence).astype(np.int64)


def reliability(predictions: Predictions, bins: int) -> list[Bin]:
    """The reliability curve, empty bins too."""
    edges = np.linspace(0, 1, bins + 1)
    counts = np.bincount(bins_of(predictions.confidence, bins), minlength=bins)
    observed = np.full(bins, np.nan)
    mean = np.full(bins, np.nan)
    if len(predictions):
        observed[counts > 0], mean[counts > 0] = calibration_curve(
            predictions.confirmed, predictions.confidence, pos_label=True, n_bins=bins
        )
    columns = zip(edges[:-1], edges[1:], counts, mean, observed, strict=True)
    return [Bin(float(a), float(b), int(count), float(p), float(share)) for a, b, count, p, share in columns]


def calibration_error(predictions: Predictions, bins: int) -> float:
    """The mean over bags of their bin's distance from the diagonal."""
    found = [each for each in reliability(predictions, bins) if each.count]
    return sum(each.count * abs(each.observed - each.mean_probability) for each in found) / len(predictions)
