"""The metrics of a run, from scikit-learn. One that is not defined is NaN, and has a reason.

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
    log_loss,
    multilabel_confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from marrow.evaluation.columns import METRICS
from marrow.evaluation.predictions import Labels, Numbers, Predictions
from marrow.evaluation.reliability import calibration_error

OF_CLASS: tuple[str, ...] = ("sensitivity", "specificity", "f1", "auc")
NEED_EVERY_CLASS = ("balanced_accuracy", "sensitivity", "f1", "auc")
UNDEFINED = float("nan")
NO_TEST_BAGS = (
    "there is no test bag: nobody is in the split test, or all who are were stopped by a check; give some labelled "
    "patients the split test, or mend what was stopped"
)


def metrics_of(predictions: Predictions, bins: int) -> dict[str, float]:
    """Every metric; NaN where it is not defined.

    Args:
        predictions: of the test bags.
        bins: of the calibration error.
    """
    metrics = dict.fromkeys(METRICS, UNDEFINED)
    if len(predictions) == 0:
        return metrics
    labels, predicted, probabilities = predictions.labels, predictions.predicted, predictions.probabilities
    numbers = list(range(predictions.classes))
    metrics["accuracy"] = float(accuracy_score(labels, predicted))
    metrics["log_loss"] = float(log_loss(labels, probabilities, labels=numbers))
    metrics["brier"] = float(brier_score_loss(labels, probabilities, labels=numbers))
    metrics["calibration_error"] = calibration_error(predictions, bins)
    metrics |= {name: float(values.mean()) for name, values in class_metrics(predictions).items()}
    if not absent(labels, predictions.classes):
        metrics["balanced_accuracy"] = float(balanced_accuracy_score(labels, predicted))
    return metrics


def class_metrics(predictions: Predictions) -> dict[str, Numbers]:
    """Sensitivity, specificity, F1 and AUC of each class against the rest, (classes,); NaN where not defined."""
    numbers = np.arange(predictions.classes)
    is_class = predictions.labels[:, None] == numbers
    there, others = is_class.any(0), ~is_class.all(0)
    _, recall, f1, _ = precision_recall_fscore_support(
        predictions.labels,
        predictions.predicted,
        labels=numbers,
        zero_division=0,  # pyright: ignore[reportArgumentType]
    )
    counts = multilabel_confusion_matrix(predictions.labels, predictions.predicted, labels=numbers)
    negatives = counts[:, 0].sum(1)
    specificity = np.divide(counts[:, 0, 0], negatives, out=np.full(len(numbers), UNDEFINED), where=negatives > 0)
    auc = np.full(len(numbers), UNDEFINED)
    if predictions.classes == 2 and there.all():  # the same curve from either end
        auc[:] = roc_auc_score(is_class[:, 1], predictions.probabilities[:, 1])
    elif (there & others).any():
        scored = np.flatnonzero(there & others)
        auc[scored] = roc_auc_score(
            is_class[:, scored],
            predictions.probabilities[:, scored],
            average=None,  # pyright: ignore[reportArgumentType]
        )
    return {
        "sensitivity": np.where(there, recall, UNDEFINED),
        "specificity": specificity,
        "f1": np.where(there, f1, UNDEFINED),
        "auc": auc,
    }


def why_undefined(labels: Labels, classes: Sequence[str], metrics: Mapping[str, float]) -> str:
    """Why metrics of these labels are not defined, in words; empty where all are."""
    lacking = [name for name, value in metrics.items() if np.isnan(value)]
    if not lacking:
        return ""
    if len(labels) == 0:
        return NO_TEST_BAGS
    missing = " or ".join(classes[number] for number in absent(labels, len(classes)))
    return f"no test bag is {missing}, so there is no {', '.join(lacking)}"


def absent(labels: Labels, classes: int) -> list[int]:
    """The classes that no label has."""
    return np.flatnonzero(np.bincount(labels, minlength=classes) == 0).tolist()
