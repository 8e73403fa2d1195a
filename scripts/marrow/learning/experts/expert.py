"""What every expert on attributes offers, and those that scikit-learn fits."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from marrow.learning.fitted import Fitted
from marrow.learning.pooling.outputs import logits_of, outputs_of

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
LEAST_PROBABILITY = 1e-7  # of a class that an expert rules out, so that its logit is finite


class Expert(nn.Module, ABC):
    """Classifies a bag by its attributes alone."""

    @abstractmethod
    def forward(self, columns: Tensor) -> Tensor:
        """Attributes as numbers (bags, columns), scaled -> logits (bags, outputs).

        The outputs are those of `marrow.learning.pooling.outputs`: one for two classes, or one for each class.
        """


class FittedExpert(Fitted, Expert):
    """An expert that scikit-learn fits; what it predicts is worked out here, from the numbers of the fit.

    So a model's file holds numbers alone, and nothing in it is executed. A class without training bags is ruled out.
    """

    present: Tensor

    def __init__(self, classes: int, **buffers: torch.dtype) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("present", torch.empty(0, dtype=torch.int64))
        for name, dtype in buffers.items():
            self.register_buffer(name, torch.empty(0, dtype=dtype))

    def fit(self, columns: Tensor, labels: Tensor, weights: Tensor | None, seed: int) -> None:
        """Fit to the training bags: columns (bags, columns), classes (bags,), and how much each bag counts, (bags,)."""
        self.present = labels.unique()
        if len(self.present) > 1:
            numbers = torch.searchsorted(self.present, labels).numpy()
            counts = np.ones(len(labels)) if weights is None else weights.double().numpy()
            for name, values in self.solve(columns.double().numpy(), numbers, counts, seed).items():
                setattr(self, name, torch.as_tensor(np.asarray(values)).to(getattr(self, name).dtype))

    def forward(self, columns: Tensor) -> Tensor:
        """Classify (bags, columns)."""
        found = columns.new_zeros(len(columns), self.classes, dtype=torch.float64)
        is_one = len(self.present) == 1
        found[:, self.present] = 1.0 if is_one else self.probabilities(columns.double())
        return logits_of(found.clamp(LEAST_PROBABILITY, 1).log(), outputs_of(self.classes)).to(columns.dtype)

    @abstractmethod
    def solve(self, columns: Numbers, labels: Labels, weights: Numbers, seed: int) -> dict[str, Any]:
        """The numbers of a fit, by the names of the buffers.

        Labels are those of the classes that are there, from 0.
        """

    @abstractmethod
    def probabilities(self, columns: Tensor) -> Tensor:
        """Attributes (bags, columns) in double precision -> probabilities of the classes present (bags, present)."""
