"""Gradient boosting (Friedman 2001), grown by scikit-learn: trees that add up to the classes' logits.

    z = z_0 + rate sum_m tree_m(a)

z_0 are the logits of the classes' frequencies. Two classes have one tree a step, K have K.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.learning.experts.expert import Labels, Numbers
from marrow.learning.experts.trees import TreeExpert, arrays_of
from marrow.learning.pooling.outputs import probabilities


class GradientBoostingExpert(TreeExpert):
    """Trees in steps, each after what those before leave wrong."""

    first: Tensor

    def __init__(self, classes: int, trees: int, rate: float, depth: int) -> None:
        super().__init__(classes, first=torch.float64)
        self._trees, self._rate, self._depth = trees, rate, depth

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """The trees, whose leaves are times the rate, and the first logits (outputs,)."""
        from sklearn.ensemble import GradientBoostingClassifier

        boosted = GradientBoostingClassifier(
            n_estimators=self._trees, learning_rate=self._rate, max_depth=self._depth, random_state=seed
        ).fit(columns, labels, weights)
        share = np.bincount(labels, weights) / weights.sum()
        first = np.log(share) if len(share) > 2 else np.log(share[1:] / share[:1])
        trees = [each.tree_ for each in boosted.estimators_.ravel()]
        return {**arrays_of(trees, [self._rate * tree.value[:, 0] for tree in trees]), "first": first}

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        outputs = len(self.first)
        steps = self.leaves(columns)[:, :, 0].view(-1, outputs, len(columns))
        return probabilities(self.first + steps.sum(0).T)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> GradientBoostingExpert:
    """The expert of a method."""
    return GradientBoostingExpert(classes, settings["trees"], settings["rate"], settings["depth"])
