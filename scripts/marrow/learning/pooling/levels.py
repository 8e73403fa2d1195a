"""The two levels at which a fixed function pools (Ilse et al., ICML 2018, section 2.2).

embedding level:   verdict = g(pool_n h_n)      g: the linear classifier, pool: element by element
instance level:    verdict = pool_n g(h_n)      pool: of the classes' probabilities
"""

from collections.abc import Callable

from torch import Tensor

from marrow.learning.pooling.outputs import outputs_of
from marrow.learning.pooling.pooling import Pooled, Pooling
from marrow.learning.pooling.segments import Segments

PoolingFunction = Callable[[Tensor, Segments], Tensor]


class EmbeddingPooling(Pooling):
    """Pools embeddings, then classifies.

    Args:
        width: of the embeddings.
        outputs: one for two classes, or one for each class.
        function: from embeddings (instances, width) to those of bags (bags, width).
    """

    def __init__(self, width: int, outputs: int, function: PoolingFunction) -> None:
        super().__init__(width, outputs)
        self.function = function

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        logits = self.classifier(self.function(embeddings, segments))
        return Pooled(logits, instance_logits=self.classifier(embeddings))


class InstancePooling(Pooling):
    """Classifies instances, then pools what is said of them.

    Args:
        width: of the embeddings.
        outputs: one for two classes, or one for each class.
        function: from the logits of instances (instances, outputs) to those of bags (bags, outputs).
    """

    def __init__(self, width: int, outputs: int, function: PoolingFunction) -> None:
        super().__init__(width, outputs)
        self.function = function

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        logits = self.classifier(embeddings)
        return Pooled(self.function(logits, segments), instance_logits=logits)


def pooling_at(
    level: str, width: int, classes: int, embedding: PoolingFunction, probability: PoolingFunction
) -> EmbeddingPooling | InstancePooling:
    """The pooling at a level, `embedding` or `instance`, with the function for that level."""
    if level == "embedding":
        return EmbeddingPooling(width, outputs_of(classes), embedding)
    return InstancePooling(width, outputs_of(classes), probability)
