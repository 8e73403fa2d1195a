"""What every expert on attributes offers, and those that scikit-learn fits."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from marrow.learning.fitted import Fitted


class Expert(nn.Module, ABC):
    """Classifies a bag by its attributes alone."""

    @abstractmethod
    def forward(self, columns: Tensor) -> Tensor:
        """Attributes as numbers (bags, columns), scaled -> logits (bags, outputs).

        The outputs are those of `marrow.learning.pooling.outputs`: one for two classes, or one for each class.
        """


class FittedExpert(Fitted, Expert):
    """An expert that is fitted all at once; fitted anew, it takes other numbers."""

    @abstractmethod
    def fit(self, columns: Tensor, labels: Tensor, weights: Tensor | None, seed: int) -> None:
        """Fit to the training bags: columns (bags, columns), classes (bags,), and how much each bag counts, (bags,)."""
