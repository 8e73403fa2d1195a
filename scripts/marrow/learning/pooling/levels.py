"""The two levels at which a fixed function pools (Ilse et al., ICML 2018, section 2.2).

embedding level:   verdict = g(pool_n h_n)      g: the linear classifier, pool: element by element
instance level:    verdict = pool_n g(h_n)      pool: of the classes' probabilities
"""

from collections.abc import Callable

from torch import Tensor

from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import LinearPooling, Pooled, Pooling
from marrow.learning.pooling.segments import Segments

PoolingFunction = Callable[[Tensor, Segments], Tensor]


class _FixedPooling(LinearPooling):
    """Pools by a fixed function."""

    def __init__(self, width: int, outputs: int, function: PoolingFunction) -> None:
        super().__init__(width, outputs)
        self.function = function


class EmbeddingPooling(_FixedPooling):
    """Pools embeddings by a function from (instances, width) to (bags, width), then classifies."""

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        pooled = self.function(embeddings, segments)
        return Pooled(self.classifier(pooled), instance_logits=self.classifier(embeddings), embedding=pooled)


class InstancePooling(_FixedPooling):
    """Classifies instances, then pools their logits by a function from (instances, outputs) to (bags, outputs)."""

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        logits = self.classifier(embeddings)
        return Pooled(self.function(logits, segments), instance_logits=logits)


def pooling_at(
    level: str, width: int, classes: int, embedding: PoolingFunction, probability: PoolingFunction
) -> Pooling:
    """The pooling at a level, `embedding` or `instance`, with the function for that level."""
    if level == "embedding":
        return EmbeddingPooling(width, outputs_of(classes), embedding)
    return InstancePooling(width, outputs_of(classes), probability)
