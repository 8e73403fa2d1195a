"""Model selection: chooses the epoch whose weights are kept, by validation data, never by test data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from marrow.learning.inference import ModelOutput

LEAST_PROBABILITY = 1e-7  # below it, probabilities are clipped before the logarithm


@dataclass(frozen=True)
class Validation:
    """Metrics of an epoch on the validation bags: log loss, macro F1 (one against rest) and accuracy."""

    loss: float
    f1: float
    accuracy: float

    @classmethod
    def of(cls, output: ModelOutput, labels: npt.NDArray[np.int64]) -> "Validation":
        """The metrics of a model's output for labels (bags,)."""
        of_label = output.probabilities[np.arange(len(labels)), labels].astype(np.float64)
        predicted = output.probabilities.argmax(1)
        return cls(
            loss=float(-np.log(of_label.clip(LEAST_PROBABILITY)).mean()),
            f1=macro_f1(labels, predicted),
            accuracy=float((predicted == labels).mean()),
        )


def macro_f1(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> float:
    """The mean over classes of F1, one against rest: 2 x correct / (labelled + predicted), of class numbers (bags,).

    Equal to scikit-learn's `f1_score(average="macro")` to the last bit. It is computed here because importing
    scikit-learn takes longer than many a training.
    """
    classes = np.union1d(labels, predicted)[:, None]
    correct = (labels == classes) & (predicted == classes)
    in_either = (labels == classes).sum(1) + (predicted == classes).sum(1)
    return float((2 * correct.sum(1) / in_either).mean())


@dataclass(frozen=True)
class Choice:
    """The criterion that chooses an epoch, and early stopping.

    Attributes:
        by: `last` chooses the last epoch; `loss` that with the lowest validation loss; `f1` that with the highest F1.
            Of equal epochs the earliest is chosen.
        patience: training ends after so many epochs without an improvement; None for no early stopping. With `last`,
            an improvement is a lower validation loss.
    """

    by: str
    patience: int | None

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> "Choice":
        """The choice in the section `training` of a method."""
        return cls(training["choose"], training["patience"])

    @property
    def needs_validation(self) -> bool:
        """Whether validation bags are required."""
        return self.by != "last" or self.patience is not None

    def score(self, validation: Validation) -> float:
        """The score that epochs are compared by; higher is better."""
        return validation.f1 if self.by == "f1" else -validation.loss

    def is_over(self, epochs: int, best: int) -> bool:
        """Whether training ends after `epochs` epochs, if `best` is the best of them, counted from 0."""
        return self.patience is not None and epochs - 1 - best >= self.patience
