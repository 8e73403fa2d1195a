"""No pooling: the verdict on a bag is that of the expert on attributes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import Pooled, Pooling
from marrow.learning.pooling.segments import Segments


class NoPooling(Pooling):
    """Says nothing of any bag: all classes are as likely."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self._outputs = outputs

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Logits of 0."""
        return Pooled(embeddings.new_zeros(segments.bags, self._outputs))


def make(settings: Mapping[str, Any], width: int, classes: int) -> NoPooling:
    """No pooling."""
    return NoPooling(outputs_of(classes))
