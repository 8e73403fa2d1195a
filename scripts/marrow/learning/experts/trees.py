"""Decision trees as arrays: scikit-learn grows them, and here they are followed, all trees and bags at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.learning.experts.expert import FittedExpert, Numbers

BUFFERS = {
    "feature": torch.int64,
    "threshold": torch.float64,
    "left": torch.int64,
    "right": torch.int64,
    "value": torch.float64,
}


class TreeExpert(FittedExpert):
    """An expert of one tree or many; what becomes of the values of their leaves is up to the kind.

    Buffers, padded to the largest tree: the column that a node asks (trees, nodes), negative in a leaf; the value up to
    which one goes left; the nodes to the left and right; what a leaf says, (trees, nodes, values).
    """

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor

    def __init__(self, classes: int, **more: torch.dtype) -> None:
        super().__init__(classes, **BUFFERS, **more)

    def leaves(self, columns: Tensor) -> Tensor:
        """What the leaf of each tree says of each bag, (trees, bags, values).

        Columns are compared in single precision, as scikit-learn does.
        """
        asked = columns.float().double()
        trees = torch.arange(len(self.feature), device=columns.device)[:, None]
        node = torch.zeros(len(self.feature), len(columns), dtype=torch.int64, device=columns.device)
        bags = torch.arange(len(columns), device=columns.device)[None]
        while bool((self.feature[trees, node] >= 0).any()):
            feature = self.feature[trees, node]
            goes_left = asked[bags, feature.clamp(min=0)] <= self.threshold[trees, node]
            below = torch.where(goes_left, self.left[trees, node], self.right[trees, node])
            node = torch.where(feature >= 0, below, node)
        return self.value[trees, node]


def arrays_of(trees: Sequence[Any], values: Sequence[Numbers]) -> dict[str, Any]:
    """The buffers of trees of scikit-learn (`tree_`), with what their nodes say, each (nodes, values)."""
    nodes = max(tree.node_count for tree in trees)

    def padded(arrays: Sequence[Any], fill: float) -> Any:
        return np.stack(
            [
                np.pad(array, [(0, nodes - len(array)), *[(0, 0)] * (np.ndim(array) - 1)], constant_values=fill)
                for array in arrays
            ]
        )

    return {
        "feature": padded([tree.feature for tree in trees], -1),
        "threshold": padded([tree.threshold for tree in trees], 0),
        "left": padded([tree.children_left for tree in trees], 0),
        "right": padded([tree.children_right for tree in trees], 0),
        "value": padded(values, 0),
    }
