"""The same metrics for many weightings of the same bags at once, which is what resampling needs.

scikit-learn computes one metric of one weighting at a time, a millisecond each; an evaluation needs millions. Here a
weighting is a column of a matrix, and all metrics come from a few products with it. A test holds every one of them to
scikit-learn's `sample_weight`.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from marrow.evaluation.columns import METRICS
from marrow.evaluation.predictions import Numbers, Predictions
from marrow.evaluation.reliability import bins_of

MOST_NUMBERS = 4_000_000  # of a weight matrix at a time: 32 MB
LEAST = float(np.finfo(np.float64).eps)  # probability that a logarithm is taken of, as in scikit-learn


class WeightedMetrics:
    """The metrics of some predictions as a function of the bags' weights.

    Args:
        predictions: of (bags,).
        bins: of the calibration error.
    """

    def __init__(self, predictions: Predictions, bins: int) -> None:
        labels, classes, probabilities = predictions.labels, predictions.classes, predictions.probabilities
        is_class = np.eye(classes)[labels]
        of_label = probabilities[np.arange(len(labels)), labels]
        self._classes = classes
        self._pairs = np.eye(classes**2)[labels * classes + predictions.predicted]
        brier = ((probabilities - is_class) ** 2).sum(1) / (2 if classes == 2 else 1)
        self._means = np.stack([-np.log(of_label.clip(LEAST, 1 - LEAST)), brier], axis=1)
        gap = predictions.confirmed - predictions.confidence
        self._gaps = np.eye(bins)[bins_of(predictions.confidence, bins)] * gap[:, None]
        ranked = [1] if classes == 2 else range(classes)
        self._areas = [_area(labels == number, probabilities[:, number]) for number in ranked]

    def __call__(self, weights: Numbers) -> dict[str, Numbers]:
        """Every metric, (weightings,) each; NaN where it is not defined.

        Args:
            weights: (bags, weightings), not negative.
        """
        size = max(1, MOST_NUMBERS // max(1, len(weights)))
        parts = [self._of(weights[:, first : first + size]) for first in range(0, weights.shape[1], size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}

    def _of(self, weights: Numbers) -> dict[str, Numbers]:
        total = weights.sum(0)
        confusion = (self._pairs.T @ weights).reshape(self._classes, self._classes, -1)
        right = np.diagonal(confusion).T
        of_label, of_prediction = confusion.sum(1), confusion.sum(0)
        others = total - of_label
        every_class = np.where((of_label > 0).all(0), 1.0, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            recall = (right / of_label).mean(0)
            log_loss, brier = self._means.T @ weights / total
            return {
                "accuracy": right.sum(0) / total,
                "balanced_accuracy": recall,
                "sensitivity": recall,
                "specificity": ((others - of_prediction + right) / others).mean(0),
                "f1": (2 * right / (of_label + of_prediction)).mean(0) * every_class,
                "auc": np.mean([area(weights) for area in self._areas], axis=0),
                "log_loss": log_loss,
                "brier": brier,
                "calibration_error": np.abs(self._gaps.T @ weights).sum(0) / total,
            }


def _area(is_class: npt.NDArray[np.bool_], scores: Numbers) -> Callable[[Numbers], Numbers]:
    """The weighted area under the curve: the share of pairs in the right order, ties counting one half."""
    positive, others = np.flatnonzero(is_class), np.flatnonzero(~is_class)
    others = others[np.argsort(scores[others], kind="stable")]
    below, not_above = (np.searchsorted(scores[others], scores[positive], side) for side in ("left", "right"))

    def area(weights: Numbers) -> Numbers:
        passed = np.zeros((len(others) + 1, weights.shape[1]))
        np.cumsum(weights[others], axis=0, out=passed[1:])
        of_class = weights[positive]
        ordered = (of_class * (passed[below] + passed[not_above])).sum(0) / 2
        return ordered / (of_class.sum(0) * passed[-1])

    return area
