"""MILES (Chen, Bi and Wang, IEEE PAMI 2006): bags as their similarity to training instances, and few of these chosen.

    m_k = max_n exp(-gamma |x_n - s_k|^2),     verdict on a bag = sum_k w_k m_k + b

for every training instance s_k, of positive and of negative bags; gamma is 1 / sigma^2 of the paper. w and b solve its
linear programme, the support vector machine of the 1-norm:

    least  sum_k |w_k| + C sum_i xi_i     with  y_i (sum_k w_k m_ik + b) >= 1 - xi_i  and  xi_i >= 0

C is C1 / lambda and C2 / lambda of the paper, the same for both classes here. Most w_k are zero, and the instances of
the others are all that is kept. The solver is scipy's, HiGHS by the simplex method: scikit-learn solves the 1-norm with
the square of the hinge alone, and on similarities of neighbours it stops before it has converged.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linprog
from torch import Tensor

from marrow.learning.pooling.fitted_pooling import FittedPooling, Floats, TrainingBags
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments, segment_max


class Miles(FittedPooling):
    """A linear classifier of a bag's largest similarities to chosen training instances.

    Args:
        classes: how many the bags have.
        penalty: C, what a bag on the wrong side costs; a larger one keeps more instances.
        gamma: how fast similarity falls with distance.
    """

    prototypes: Tensor
    coefficients: Tensor
    intercept: Tensor

    def __init__(self, classes: int, penalty: float, gamma: float) -> None:
        super().__init__(classes)
        self.penalty, self.gamma = penalty, gamma
        for name in ("prototypes", "coefficients", "intercept"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def fit_apart(self, problems: list[TrainingBags]) -> None:
        """Fit a classifier for each problem."""
        rows = problems[0].rows
        similar = self._similarities(problems[0])
        solved = [_sparse_classifier(similar, problem.positive, self.penalty * problem.weights) for problem in problems]
        weights = np.stack([each for each, _ in solved])
        kept = weights.any(axis=0)
        device = self.prototypes.device
        self.prototypes = torch.from_numpy(rows[kept]).to(device)
        self.coefficients = torch.from_numpy(weights[:, kept]).contiguous().to(device)
        self.intercept = torch.tensor([b for _, b in solved], dtype=torch.float64, device=device)

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        similar = _similarity(embeddings.double(), self.prototypes, self.gamma)
        verdicts, of_instances = (
            (of @ self.coefficients.T + self.intercept).to(embeddings.dtype)
            for of in (segment_max(similar, segments), similar)
        )
        return Pooled(verdicts, instance_logits=of_instances)

    def _similarities(self, bags: TrainingBags) -> Floats:
        """Of the training bags to all training instances, (bags, instances); bag by bag, as they are many pairs."""
        rows = torch.from_numpy(bags.rows)
        of_bags = [_similarity(bag, rows, self.gamma).amax(0) for bag in rows.split(bags.lengths.tolist())]
        return torch.stack(of_bags).numpy()


def _sparse_classifier(features: Floats, positive: NDArray[np.bool_], costs: Floats) -> tuple[Floats, float]:
    """W and b for features (bags, n): the variables are w above 0, w below 0, b and xi."""
    bags, count = features.shape
    sign = np.where(positive, 1.0, -1.0)[:, None]
    signed = sign * features
    solution = linprog(
        np.concatenate([np.ones(2 * count), [0], costs]),
        A_ub=np.concatenate([-signed, signed, -sign, -np.eye(bags)], axis=1),
        b_ub=-np.ones(bags),
        bounds=[(0, None)] * (2 * count) + [(None, None)] + [(0, None)] * bags,
        method="highs-ds",
    )
    above, below, intercept, _ = np.split(solution.x, [count, 2 * count, 2 * count + 1])
    return above - below, float(intercept[0])


def _similarity(rows: Tensor, prototypes: Tensor, gamma: float) -> Tensor:
    return torch.exp(-gamma * torch.cdist(rows, prototypes).square())


def make(settings: Mapping[str, Any], width: int, classes: int) -> Miles:
    """The pooling of a method."""
    return Miles(classes, settings["penalty"], 1 / width if settings["gamma"] is None else settings["gamma"])
