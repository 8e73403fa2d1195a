"""Attributes joined to each instance's embedding before pooling: early fusion.

    h'_n = [h_n; a]

So the pooling and its classifier see both; with rows of features that pass the encoder as they are, it is the joint
table of Sahasrabudhe et al. (section 3.2).
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from marrow.learning.fusion.fusion import AttributeVerdict, Fusion, Pool
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments, spread


class Concatenation(Fusion):
    """Joins the attributes of a bag to the embedding of each of its instances."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.added_width = columns

    def joined(self, embeddings: Tensor, segments: Segments, columns: Tensor) -> Tensor:
        """Embeddings (instances, width) and attributes (bags, columns) -> (instances, width + columns)."""
        return torch.cat([embeddings, spread(columns, segments)], 1)

    def forward(
        self,
        pool: Pool,
        expert: AttributeVerdict,  # noqa: ARG002
        embeddings: Tensor,
        segments: Segments,
        columns: Tensor,
    ) -> Pooled:
        """Pool the joined embeddings; there is no expert on attributes."""
        return pool(self.joined(embeddings, segments, columns), segments)


def make(settings: Mapping[str, Any], width: int, columns: int, classes: int) -> Concatenation:
    """The concatenation."""
    return Concatenation(columns)
