"""No expert on attributes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.experts.expert import Expert
from marrow.learning.pooling.outputs import outputs_of


class NoExpert(Expert):
    """Says nothing of any bag: all classes are as likely."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._outputs = outputs

    def forward(self, columns: Tensor) -> Tensor:
        """Logits of 0."""
        return columns.new_zeros(len(columns), self._outputs)


def make(settings: Mapping[str, Any], columns: int, classes: int) -> NoExpert:
    """No expert."""
    return NoExpert(outputs_of(classes))
