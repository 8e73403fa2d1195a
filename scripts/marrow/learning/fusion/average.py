"""The average of two experts' scores (Sahasrabudhe et al., eq. 14), one on pictures and one on attributes.

    y = (y_pictures + y_attributes) / 2

The scores are logits. The paper trains the experts apart and never the average, which `start.from: frozen` does.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from marrow.learning.fusion.fusion import AttributeVerdict, Fusion, Pool
from marrow.learning.pooling.pooling import Experts, Pooled
from marrow.learning.pooling.segments import Segments


class Average(Fusion):
    """Averages logits."""

    def forward(
        self, pool: Pool, expert: AttributeVerdict, embeddings: Tensor, segments: Segments, columns: Tensor
    ) -> Pooled:
        """Average the verdicts of both experts."""
        pictures, attributes = pool(embeddings, segments), expert(columns)
        share = pictures.logits.new_full((segments.bags,), 0.5)
        experts = Experts(pictures.logits, attributes, share)
        return replace(pictures, logits=(pictures.logits + attributes) / 2, experts=experts)


def make(settings: Mapping[str, Any], width: int, columns: int, classes: int) -> Average:
    """The average."""
    return Average()
