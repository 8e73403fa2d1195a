"""No fusion: the verdict is that of the expert on attributes, of a method that looks at no picture."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from marrow.learning.fusion.fusion import AttributeVerdict, Fusion, Pool
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments


class NoFusion(Fusion):
    """Passes the expert's verdict on."""

    def forward(
        self, pool: Pool, expert: AttributeVerdict, embeddings: Tensor, segments: Segments, columns: Tensor
    ) -> Pooled:
        """The verdict on attributes."""
        return replace(pool(embeddings, segments), logits=expert(columns))


def make(settings: Mapping[str, Any], width: int, columns: int, classes: int) -> NoFusion:
    """No fusion."""
    return NoFusion()
