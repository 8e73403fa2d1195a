"""A decision tree, grown by scikit-learn: a leaf says how frequent the classes are among its training bags."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.experts.expert import Labels, Numbers
from marrow.learning.experts.trees import TreeExpert, arrays_of


class DecisionTreeExpert(TreeExpert):
    """One tree."""

    def __init__(self, classes: int, depth: int | None, leaf: int) -> None:
        super().__init__(classes)
        self._depth, self._leaf = depth, leaf

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """The tree."""
        from sklearn.tree import DecisionTreeClassifier

        grown = DecisionTreeClassifier(max_depth=self._depth, min_samples_leaf=self._leaf, random_state=seed)
        tree = grown.fit(columns, labels, weights).tree_
        return arrays_of([tree], [tree.value[:, 0]])

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        return self.leaves(columns)[0]


def make(settings: Mapping[str, Any], columns: int, classes: int) -> DecisionTreeExpert:
    """The expert of a method."""
    return DecisionTreeExpert(classes, settings["depth"], settings["leaf"])
