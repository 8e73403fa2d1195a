"""AdaBoost for several classes, SAMME (Hastie et al. 2009), on trees grown by scikit-learn.

Of K classes, tree m votes with the weight alpha_m for one class and with -alpha_m / (K - 1) for each other; with f the
sum of the votes over the sum of the weights,

    P(y) = softmax(f / (K - 1))_y

as scikit-learn has it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.learning.experts.expert import Labels, Numbers
from marrow.learning.experts.trees import TreeExpert, arrays_of


class AdaBoostExpert(TreeExpert):
    """Small trees, each on bags that weigh more where those before are wrong."""

    def __init__(self, classes: int, trees: int, rate: float, depth: int) -> None:
        super().__init__(classes)
        self._trees, self._rate, self._depth = trees, rate, depth

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """The trees, whose leaves are their votes."""
        from sklearn.ensemble import AdaBoostClassifier
        from sklearn.tree import DecisionTreeClassifier

        boosted = AdaBoostClassifier(
            DecisionTreeClassifier(max_depth=self._depth),
            n_estimators=self._trees,
            learning_rate=self._rate,
            random_state=seed,
        ).fit(columns, labels, weights)
        trees, alpha = (
            [each.tree_ for each in boosted.estimators_],
            boosted.estimator_weights_[: len(boosted.estimators_)],
        )
        others = int(labels.max())
        votes = [
            weight / alpha.sum() * np.where(np.eye(others + 1)[tree.value[:, 0].argmax(1)] > 0, 1.0, -1 / others)
            for tree, weight in zip(trees, alpha, strict=True)
        ]
        return arrays_of(trees, votes)

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        votes = self.leaves(columns).sum(0)
        others = votes.shape[1] - 1
        return torch.softmax(votes / others, 1)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> AdaBoostExpert:
    """The expert of a method."""
    return AdaBoostExpert(classes, settings["trees"], settings["rate"], settings["depth"])
