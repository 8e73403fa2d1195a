"""MI-SVM (Andrews, Tsochantaridis and Hofmann, NIPS 2002): a support vector machine that picks a witness of each bag.

    verdict on a bag = max_n f(x_n),     f(x) = sum_s a_s K(x, s) + b,     K(x, s) = exp(-gamma |x - s|^2)

Fitted by turns: f is the machine that tells the witnesses of positive bags from all instances of negative bags; then
the witness of each positive bag is the instance with the largest f. The first witness of a bag is the mean of its
instances. It ends when a choice of witnesses comes back.

Where it departs: the instances of a negative bag share one slack in the paper, so that their multipliers add up to C at
most. scikit-learn's solver knows no such bound; here each instance has a slack and the bound C of its own. With C / N
for each of N instances the sum would be kept, but the worst instance, by which a bag is judged, would count too little
in a large bag: docs/results/classical_mil.md has both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.learning.pooling.fitted_pooling import FittedPooling, Floats, TrainingBags
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments, segment_max

_TOLERANCE = 1e-5  # of the solver; scikit-learn's own, 1e-3, lets the order of the bags show


class MiSvm(FittedPooling):
    """Says of a bag what its support vector machine says of the instance that it puts highest.

    Args:
        classes: how many the bags have.
        penalty: C, what a bag on the wrong side costs.
        gamma: of the kernel.
    """

    support: Tensor
    coefficients: Tensor
    intercept: Tensor

    def __init__(self, classes: int, penalty: float, gamma: float) -> None:
        super().__init__(classes)
        self.penalty, self.gamma = penalty, gamma
        for name in ("support", "coefficients", "intercept"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def fit_apart(self, problems: list[TrainingBags]) -> None:
        """Fit a machine for each problem."""
        machines = [self._machine(problem) for problem in problems]
        device = self.support.device
        self.support = torch.from_numpy(np.concatenate([support for support, _, _ in machines])).to(device)
        self.coefficients = torch.block_diag(*(torch.from_numpy(each)[None] for _, each, _ in machines)).to(device)
        self.intercept = torch.tensor([b for _, _, b in machines], dtype=torch.float64, device=device)

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        similar = torch.exp(-self.gamma * torch.cdist(embeddings.double(), self.support).square())
        values = (similar @ self.coefficients.T + self.intercept).to(embeddings.dtype)
        return Pooled(segment_max(values, segments), instance_logits=values)

    def _machine(self, bags: TrainingBags) -> tuple[Floats, Floats, float]:
        """Support vectors (vectors, width), their coefficients (vectors,), and the intercept."""
        from sklearn.svm import SVC  # takes a second

        of_positive = bags.positive[bags.index]
        positive = np.flatnonzero(bags.positive)
        negatives = bags.rows[~of_positive]
        classes = np.repeat([1, 0], [len(positive), len(negatives)])
        weights = np.concatenate([bags.weights[positive], bags.weights[bags.index[~of_positive]]])
        witnesses = np.add.reduceat(bags.rows, bags.starts)[positive] / bags.lengths[positive, None]
        earlier: set[tuple[int, ...]] = set()
        while True:
            machine: Any = SVC(C=self.penalty, gamma=self.gamma, tol=_TOLERANCE)  # pyright: ignore[reportArgumentType]
            machine.fit(np.concatenate([witnesses, negatives]), classes, sample_weight=weights)
            values = np.where(of_positive, 0.0, -np.inf)
            values[of_positive] = machine.decision_function(bags.rows[of_positive])
            chosen = [bags.starts[bag] + values[bags.index == bag].argmax() for bag in positive]
            if tuple(chosen) in earlier:
                break
            earlier.add(tuple(chosen))
            witnesses = bags.rows[chosen]
        return machine.support_vectors_, machine.dual_coef_[0], float(machine.intercept_[0])


def make(settings: Mapping[str, Any], width: int, classes: int) -> MiSvm:
    """The pooling of a method."""
    return MiSvm(classes, settings["penalty"], 1 / width if settings["gamma"] is None else settings["gamma"])
