"""A random forest (Breiman 2001), grown by scikit-learn: the mean of what its trees' leaves say."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.experts.expert import Labels, Numbers
from marrow.learning.experts.trees import TreeExpert, arrays_of


class RandomForestExpert(TreeExpert):
    """Trees on samples of the bags, each split by the best of a few columns."""

    def __init__(self, classes: int, trees: int, depth: int | None, leaf: int) -> None:
        super().__init__(classes)
        self._trees, self._depth, self._leaf = trees, depth, leaf

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """The trees."""
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self._trees, max_depth=self._depth, min_samples_leaf=self._leaf, random_state=seed
        )
        trees = [each.tree_ for each in forest.fit(columns, labels, weights).estimators_]
        return arrays_of(trees, [tree.value[:, 0] for tree in trees])

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        return self.leaves(columns).mean(0)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> RandomForestExpert:
    """The expert of a method."""
    return RandomForestExpert(classes, settings["trees"], settings["depth"], settings["leaf"])
