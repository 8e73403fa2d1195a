"""Which epoch's weights are kept: by validation data, never by test data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from marrow.learning.inference import Verdicts

LEAST = 1e-7  # probability that a logarithm is taken of


@dataclass(frozen=True)
class Validation:
    """How an epoch did on validation bags: log loss, macro F1 (one against rest) and accuracy."""

    loss: float
    f1: float
    accuracy: float

    @classmethod
    def of(cls, verdicts: Verdicts, labels: npt.NDArray[np.int64]) -> "Validation":
        """Compare verdicts with labels (bags,)."""
        of_label = verdicts.probabilities[np.arange(len(labels)), labels].astype(np.float64)
        predicted = verdicts.probabilities.argmax(1)
        return cls(
            loss=float(-np.log(of_label.clip(LEAST)).mean()),
            f1=macro_f1(labels, predicted),
            accuracy=float((predicted == labels).mean()),
        )


def macro_f1(labels: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64]) -> float:
    """The mean over classes of F1, one against rest: 2 x right / (labelled + predicted).

    It is scikit-learn's `f1_score(average="macro")` to the last bit. That package takes longer to load than many a job
    takes to train, and nothing else of it is wanted here.

    Args:
        labels: (bags,), the class of each.
        predicted: (bags,), the class that it was taken for.
    """
    classes = np.union1d(labels, predicted)[:, None]
    right = (labels == classes) & (predicted == classes)
    named = (labels == classes).sum(1) + (predicted == classes).sum(1)
    return float((2 * right.sum(1) / named).mean())


@dataclass(frozen=True)
class Choice:
    """What decides between epochs, and when waiting for a better one ends.

    Attributes:
        by: `last` takes the last epoch; `loss` the one with the lowest validation loss; `f1` with the highest F1. Of
            equal ones the earliest is taken.
        patience: after so many epochs without a better one training ends; None to go on. With `last`, the better one
            is that of lower loss.
    """

    by: str
    patience: int | None

    @classmethod
    def of(cls, training: Mapping[str, Any]) -> "Choice":
        """The choice in the section `training` of a method."""
        return cls(training["choose"], training["patience"])

    @property
    def needs_validation(self) -> bool:
        """Whether it looks at validation bags."""
        return self.by != "last" or self.patience is not None

    def score(self, validation: Validation) -> float:
        """Higher is better."""
        return validation.f1 if self.by == "f1" else -validation.loss

    def is_over(self, epochs: int, best: int) -> bool:
        """Whether training ends after so many epochs, the best of which had this number, counted from 0."""
        return self.patience is not None and epochs - 1 - best >= self.patience
