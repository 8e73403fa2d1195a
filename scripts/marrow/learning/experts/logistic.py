"""Logistic regression with an L2 penalty, fitted by scikit-learn.

P(y) = softmax(W a + b)_y,   of two classes sigma(w^T a + b)
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from marrow.learning.experts.expert import FittedExpert, Labels, Numbers
from marrow.learning.pooling.outputs import probabilities

MOST_STEPS = 10_000


class LogisticExpert(FittedExpert):
    """A linear classifier."""

    weight: Tensor
    bias: Tensor

    def __init__(self, classes: int, c: float) -> None:
        super().__init__(classes, weight=torch.float64, bias=torch.float64)
        self._c = c

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """Weights (outputs, columns) and biases."""
        from sklearn.linear_model import LogisticRegression

        solved = LogisticRegression(C=self._c, max_iter=MOST_STEPS, random_state=seed).fit(columns, labels, weights)
        return {"weight": solved.coef_, "bias": solved.intercept_}

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        return probabilities(columns @ self.weight.T + self.bias)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> LogisticExpert:
    """The expert of a method."""
    return LogisticExpert(classes, settings["c"])
