"""A support vector machine with a Gaussian kernel, fitted by scikit-learn, and Platt's scaling for probabilities.

    f_y(a) = sum_i alpha_yi exp(-gamma |a - a_i|^2) + b_y,   P(y) ~ 1 / (1 + exp(A_y f_y + B_y))

one machine for two classes, else one against the rest for each class. A and B are fitted to what machines say of
training bags that they were not fitted to, in folds. With fewer than two bags of a class there are no folds, and A = -1
and B = 0 are taken. gamma is 1 / (columns x variance of the training columns).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.learning.experts.expert import FittedExpert, Labels, Numbers

FOLDS = 5


class SvmExpert(FittedExpert):
    """Kernel machines that share their support vectors."""

    supports: Tensor
    alpha: Tensor
    intercept: Tensor
    platt: Tensor
    gamma: Tensor

    def __init__(self, classes: int, c: float) -> None:
        names = ("supports", "alpha", "intercept", "platt", "gamma")
        super().__init__(classes, **dict.fromkeys(names, torch.float64))
        self._c = c

    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """Support vectors (supports, columns), alpha (machines, supports), intercepts, A and B (machines, 2), gamma."""
        classes = int(labels.max()) + 1
        gamma = 1 / (columns.shape[1] * float(columns.var() or 1.0))
        machines = [
            self._machine(columns, labels == number, weights, gamma, seed)
            for number in ([1] if classes == 2 else range(classes))
        ]
        alpha = np.stack([each["alpha"] for each in machines])
        used = np.flatnonzero(alpha.any(0))
        return {
            "supports": columns[used],
            "alpha": alpha[:, used],
            "intercept": [each["intercept"] for each in machines],
            "platt": [each["platt"] for each in machines],
            "gamma": gamma,
        }

    def _machine(self, columns: Numbers, is_class: Any, weights: Numbers, gamma: float, seed: int) -> dict[str, Any]:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.model_selection import StratifiedKFold
        from sklearn.svm import SVC

        machine: Any = SVC(C=self._c, gamma=gamma)  # pyright: ignore[reportArgumentType]
        folds = min(FOLDS, int(is_class.sum()), int((~is_class).sum()))
        platt = (-1.0, 0.0)
        if folds > 1:
            cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
            calibrated: Any = CalibratedClassifierCV(machine, method="sigmoid", cv=cut, ensemble=False)  # pyright: ignore[reportArgumentType]
            scaling = calibrated.fit(columns, is_class, sample_weight=weights).calibrated_classifiers_[0].calibrators[0]
            platt = (scaling.a_, scaling.b_)
        machine.fit(columns, is_class, weights)
        alpha = np.zeros(len(columns))
        alpha[machine.support_] = machine.dual_coef_[0]
        return {"alpha": alpha, "intercept": machine.intercept_[0], "platt": platt}

    def probabilities(self, columns: Tensor) -> Tensor:
        """Of each class."""
        kernel = torch.exp(-self.gamma * torch.cdist(columns, self.supports).square())
        scores = kernel @ self.alpha.T + self.intercept
        found = torch.sigmoid(-(self.platt[:, 0] * scores + self.platt[:, 1]))
        return torch.cat([1 - found, found], 1) if found.shape[1] == 1 else found / found.sum(1, keepdim=True)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> SvmExpert:
    """The expert of a method."""
    return SvmExpert(classes, settings["c"])
