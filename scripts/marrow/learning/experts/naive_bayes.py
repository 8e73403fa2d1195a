"""Gaussian naive Bayes, fitted by scikit-learn: columns are independent and normal within each class.

P(y) ~ P_y prod_c N(a_c; mu_yc, sigma_yc^2)
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from marrow.learning.experts.expert import FittedExpert, Labels, Numbers


class NaiveBayesExpert(FittedExpert):
    """A normal distribution for each class and column."""

    mean: Tensor
    variance: Tensor
    prior: Tensor

    def __init__(self, classes: int, smoothing: float) -> None:
        super().__init__(classes, mean=torch.float64, variance=torch.float64, prior=torch.float64)
        self._smoothing = smoothing

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:  # noqa: ARG002
        """Means and variances (classes, columns), and how frequent each class is."""
        from sklearn.naive_bayes import GaussianNB

        solved = GaussianNB(var_smoothing=self._smoothing).fit(columns, labels, weights)
        return {"mean": solved.theta_, "variance": solved.var_, "prior": solved.class_prior_}

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        distance = (columns[:, None] - self.mean).square() / self.variance + self.variance.log()
        return torch.softmax(self.prior.log() - distance.sum(2) / 2, 1)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> NaiveBayesExpert:
    """The expert of a method."""
    return NaiveBayesExpert(classes, settings["smoothing"])
