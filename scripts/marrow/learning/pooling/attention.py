"""Attention (Ilse et al., ICML 2018, eqs. 7 and 8).

    z = sum_n a_n h_n,     a_n = softmax over the bag of u^T tanh(V h_n)

V and u have biases as in the released code, where the paper has none. That of u adds the same to every score of a bag,
so the softmax takes it away again; it is there for the number of parameters to be the published one.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import LinearPooling, Pooled
from marrow.learning.pooling.segments import Segments, attend


class Attention(LinearPooling):
    """Attention with one hidden layer of `attention_width`."""

    def __init__(self, width: int, outputs: int, attention_width: int) -> None:
        super().__init__(width, outputs)
        self.hidden = nn.Linear(width, attention_width)
        self.score = nn.Linear(attention_width, 1)

    def features(self, embeddings: Tensor) -> Tensor:
        """What scores are taken of: tanh(V h), (instances, attention_width)."""
        return self.hidden(embeddings).tanh()

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        scores = self.score(self.features(embeddings))[:, 0]
        attention, pooled = attend(embeddings, scores, segments)
        return Pooled(self.classifier(pooled), attention, self.classifier(embeddings), pooled)


def make(settings: Mapping[str, Any], width: int, classes: int) -> Attention:
    """The pooling of a method."""
    return Attention(width, outputs_of(classes), settings["attention_width"])
