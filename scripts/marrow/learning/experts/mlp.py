"""A multilayer perceptron on attributes with one hidden layer (Sahasrabudhe et al., section 2.3).

    score = w^T s(W a + b) + c,   s: sigmoid or ReLU

The paper has 2 units with sigmoids for its 2 attributes, its released configuration ReLU. Weights start as PyTorch's
layers do.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from marrow.learning.experts.expert import Expert
from marrow.learning.pooling.outputs import outputs_of

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}


class MlpExpert(Expert):
    """A hidden layer of some units, and an output."""

    def __init__(self, columns: int, hidden: int, activation: str, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(columns, hidden), ACTIVATIONS[activation](), nn.Linear(hidden, outputs))

    def forward(self, columns: Tensor) -> Tensor:
        """Classify (bags, columns)."""
        return self.layers(columns)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> MlpExpert:
    """The perceptron of a method."""
    return MlpExpert(columns, settings["hidden"], settings["activation"], outputs_of(classes))
