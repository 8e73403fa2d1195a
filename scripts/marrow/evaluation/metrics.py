"""The metrics of a run, from scikit-learn. One that is not defined is NaN, and the reason is told.

Sensitivity, specificity and F1 are macro averages: each class against the rest, then the mean over classes, all classes
alike. So macro sensitivity is the balanced accuracy, by definition. The AUC is the area for two classes, and the macro
average of each class against the rest for more. The Brier score of two classes is (1 - p)^2; of more, the sum of the
squares over classes, up to 2. Calibration error: see `marrow.evaluation.reliability`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)

from marrow.evaluation.predictions import Labels, Predictions
from marrow.evaluation.reliability import calibration_error

METRICS: tuple[str, ...] = (
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "f1",
    "auc",
    "log_loss",
    "brier",
    "calibration_error",
)
LOWER_IS_BETTER = ("log_loss", "brier", "calibration_error")
OF_CLASS: tuple[str, ...] = ("sensitivity", "specificity", "f1", "auc")
NEED_EVERY_CLASS = ("balanced_accuracy", "sensitivity", "f1", "auc")
UNDEFINED = float("nan")


def metrics_of(predictions: Predictions, bins: int) -> dict[str, float]:
    """Every metric; NaN where it is not defined.

    Args:
        predictions: of the test bags.
        bins: of the calibration error.
    """
    found = dict.fromkeys(METRICS, UNDEFINED)
    if len(predictions) == 0:
        return found
    labels, predicted, probabilities = predictions.labels, predictions.predicted, predictions.probabilities
    numbers = list(range(predictions.classes))
    found["accuracy"] = float(accuracy_score(labels, predicted))
    found["log_loss"] = float(log_loss(labels, probabilities, labels=numbers))
    found["brier"] = float(brier_score_loss(labels, probabilities, labels=numbers))
    found["calibration_error"] = calibration_error(predictions, bins)
    of_class = [class_metrics(predictions, number) for number in numbers]
    for name in OF_CLASS:
        found[name] = float(np.mean([each[name] for each in of_class]))
    if predictions.classes == 2:
        found["auc"] = of_class[1]["auc"]
    if not absent(labels, predictions.classes):
        found["balanced_accuracy"] = float(balanced_accuracy_score(labels, predicted))
    return found


def class_metrics(predictions: Predictions, number: int) -> dict[str, float]:
    """Sensitivity, specificity, F1 and AUC of one class against the rest; NaN where they are not defined."""
    found = dict.fromkeys(OF_CLASS, UNDEFINED)
    is_class, predicted = predictions.labels == number, predictions.predicted == number
    if is_class.any():
        found["sensitivity"] = float(recall_score(is_class, predicted))
        found["f1"] = float(f1_score(is_class, predicted))
    if not is_class.all():
        found["specificity"] = float(recall_score(is_class, predicted, pos_label=False))  # pyright: ignore[reportArgumentType]
    if is_class.any() and not is_class.all():
        found["auc"] = float(roc_auc_score(is_class, predictions.probabilities[:, number]))
    return found


def why_undefined(labels: Labels, classes: Sequence[str], metrics: Mapping[str, float]) -> str:
    """Why metrics of these labels are not defined, in words; empty where all are."""
    lacking = [name for name, value in metrics.items() if np.isnan(value)]
    if not lacking:
        return ""
    if len(labels) == 0:
        return "there are no test bags"
    missing = " or ".join(classes[number] for number in absent(labels, len(classes)))
    return f"no test bag is {missing}, so there is no {', '.join(lacking)}"


def absent(labels: Labels, classes: int) -> list[int]:
    """The classes that no label has."""
    return np.flatnonzero(np.bincount(labels, minlength=classes) == 0).tolist()
