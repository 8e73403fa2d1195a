"""Poolings that a solver fits to all training bags at once, for methods without training by gradients.

The solvers are scikit-learn's and know two classes. Of more, each is fitted against the rest. A logit is the decision
value as the solver gives it, 0 on the boundary. That is no calibrated probability. Platt's scaling would have to be
fitted to decision values of the training bags, which a support vector machine has pushed beyond its margin, so that it
would be too sure; and with two classes it would change neither a verdict at the boundary nor the order of the bags.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from marrow.errors import MarrowError
from marrow.learning.fitted import Fitted
from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.pooling.segments import Segments

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrainingBags:
    """What a solver fits to, of two classes.

    Attributes:
        rows: (instances, width), the instances of all bags, one bag after another.
        lengths: (bags,), how many instances each has.
        positive: (bags,), whether it is of the class that the solver is to tell from the rest.
        weights: (bags,), how much each counts; 1 on average where all count the same.
    """

    rows: Floats
    lengths: NDArray[np.int64]
    positive: NDArray[np.bool_]
    weights: Floats

    @property
    def index(self) -> NDArray[np.intp]:
        """(instances,), the number of each instance's bag."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @property
    def starts(self) -> NDArray[np.int64]:
        """(bags,), the first instance of each."""
        return np.cumsum(self.lengths) - self.lengths


class FittedPooling(Fitted, Pooling):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A pooling that is fitted all at once; fitted anew, it takes other numbers."""

    def __init__(self, classes: int) -> None:
        nn.Module.__init__(self)  # without the linear classifier of poolings that learn by gradients
        self.classes = classes

    def fit(self, embeddings: Tensor, segments: Segments, labels: Tensor, weights: Tensor | None, seed: int) -> None:
        """Fit to the training bags; the same bags give the same numbers.

        Args:
            embeddings: (instances, width) of all training bags.
            segments: of the bags.
            labels: (bags,), their classes.
            weights: (bags,), how much each counts; None for all the same.
            seed: of the run; the solvers draw nothing.

        Raises:
            MarrowError: there is no bag of one of the classes.
        """
        del seed
        missing = set(range(self.classes)) - set(labels.tolist())
        if missing:
            raise MarrowError(
                f"no training bag is of class {min(missing)} (counted from 0), of {self.classes} classes; a solver has "
                "nothing to tell it by: add such bags, or leave the class out"
            )
        told_apart = (1,) if outputs_of(self.classes) == 1 else range(self.classes)
        weights = torch.ones(len(labels)) if weights is None else weights
        rows, lengths, counts = map(_as_array, (embeddings.double(), segments.lengths, weights.double()))
        self.fit_apart([TrainingBags(rows, lengths, _as_array(labels == label), counts) for label in told_apart])

    @abstractmethod
    def fit_apart(self, problems: list[TrainingBags]) -> None:
        """Fit one output to each of these problems, which differ in what is positive alone."""


def _as_array(values: Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy()
