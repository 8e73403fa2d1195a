"""The same metrics for many weightings of the same bags at once, which is what resampling needs.

scikit-learn computes one metric of one weighting at a time, a millisecond each; an evaluation needs millions. Here a
weighting is a row of a matrix, and all metrics come from a few products with it. A test holds every one of them to
scikit-learn's `sample_weight`.
"""

from collections.abc import Callable

import numpy as np

from marrow.evaluation.metrics import METRICS
from marrow.evaluation.predictions import Labels, Numbers, Predictions
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
            weights: (weightings, bags), not negative.
        """
        size = max(1, MOST_NUMBERS // max(1, weights.shape[1]))
        parts = [self._of(weights[first : first + size]) for first in range(0, len(weights), size)]
        return {name: np.concatenate([part[name] for part in parts]) for name in METRICS}

    def _of(self, weights: Numbers) -> dict[str, Numbers]:
        total = weights.sum(1)
        confusion = (weights @ self._pairs).reshape(-1, self._classes, self._classes)
        right = np.diagonal(confusion, axis1=1, axis2=2)
        of_label, of_prediction = confusion.sum(2), confusion.sum(1)
        others = total[:, None] - of_label
        every_class = np.where((of_label > 0).all(1), 1.0, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            recall = (right / of_label).mean(1)
            log_loss, brier = (weights @ self._means / total[:, None]).T
            return {
                "accuracy": right.sum(1) / total,
                "balanced_accuracy": recall,
                "sensitivity": recall,
                "specificity": ((others - of_prediction + right) / others).mean(1),
                "f1": (2 * right / (of_label + of_prediction)).mean(1) * every_class,
                "auc": np.mean([area(weights) for area in self._areas], axis=0),
                "log_loss": log_loss,
                "brier": brier,
                "calibration_error": np.abs(weights @ self._gaps).sum(1) / total,
            }


def _area(is_class: np.ndarray[tuple[int], np.dtype[np.bool_]], scores: Numbers) -> Callable[[Numbers], Numbers]:
    """The weighted area under the curve: the share of pairs in the right order, ties counting one half."""
    order: Labels = np.argsort(scores, kind="stable")
    ranked, positive = scores[order], is_class[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(scores) else np.array([], np.int64)

    def area(weights: Numbers) -> Numbers:
        in_order = weights[:, order]
        of_class = np.add.reduceat(in_order * positive, starts, axis=1)
        of_rest = np.add.reduceat(in_order * ~positive, starts, axis=1)
        before = np.cumsum(of_rest, axis=1) - of_rest / 2
        return (of_class * before).sum(1) / (of_class.sum(1) * of_rest.sum(1))

    return area
