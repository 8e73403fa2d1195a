"""Gated attention (Ilse et al., ICML 2018, eq. 9).

    z = sum_n a_n h_n,     a_n = softmax over the bag of u^T (tanh(V h_n) * sigmoid(U h_n))

The gate U has a bias as V has.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from marrow.learning.pooling.attention import Attention
from marrow.learning.pooling.outputs import outputs_of


class GatedAttention(Attention):
    """Attention whose hidden layer is gated."""

    def __init__(self, width: int, outputs: int, attention_width: int) -> None:
        super().__init__(width, outputs, attention_width)
        self.gate = nn.Linear(width, attention_width)

    def features(self, embeddings: Tensor) -> Tensor:
        """What scores are taken of: tanh(V h) * sigmoid(U h), (instances, attention_width)."""
        return super().features(embeddings) * self.gate(embeddings).sigmoid()


def make(settings: Mapping[str, Any], width: int, classes: int) -> GatedAttention:
    """The pooling of a method."""
    return GatedAttention(width, outputs_of(classes), settings["attention_width"])
