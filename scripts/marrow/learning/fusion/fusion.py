"""What every fusion offers: embeddings of packed bags and attributes in, one verdict on each bag out."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments

Pool = Callable[[Tensor, Segments], Pooled]
AttributeVerdict = Callable[[Tensor], Tensor]


class Fusion(nn.Module, ABC):
    """Joins pictures and attributes; pooling and expert belong to the model, and come as arguments.

    Attributes:
        added_width: by how much the embeddings that are pooled are wider than those of the encoder.
    """

    added_width = 0

    def joined(self, embeddings: Tensor, segments: Segments, columns: Tensor) -> Tensor:  # noqa: ARG002
        """What is pooled, from embeddings (instances, width) and attributes (bags, columns): the embeddings alone."""
        return embeddings

    @abstractmethod
    def forward(
        self, pool: Pool, expert: AttributeVerdict, embeddings: Tensor, segments: Segments, columns: Tensor
    ) -> Pooled:
        """The verdicts.

        Args:
            pool: the expert on pictures.
            expert: the expert on attributes, (bags, columns) -> logits (bags, outputs).
            embeddings: (instances, width) of packed bags.
            segments: of the bags.
            columns: (bags, columns), the attributes as numbers, scaled.
        """
