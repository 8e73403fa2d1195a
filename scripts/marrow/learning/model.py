"""A multiple-instance classifier: scaling, encoder, pooling with its classifier, and a head for each auxiliary task.

    h_n = f(x_n),   verdict on the bag = g(h_1 ... h_N),   answer to task t = a_t(h_n)

The encoder f is the trunk: all tasks share it, and nothing else. Attention and classifier belong to the main task.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from marrow.learning.encoders.encoder import Encoder
from marrow.learning.heads.head import Head
from marrow.learning.pooling.pooling import Pooled, Pooling
from marrow.learning.pooling.segments import Segments
from marrow.learning.scaling import Scaling


@dataclass(frozen=True)
class Answers:
    """What a model says of packed bags: the verdicts on them, and for each auxiliary task (instances, outputs)."""

    pooled: Pooled
    auxiliary: Mapping[str, Tensor]


class Model(nn.Module):
    """A multiple-instance classifier; `heads` has the head of each auxiliary task by its name."""

    def __init__(self, scaling: Scaling, encoder: Encoder, pooling: Pooling, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.scaling = scaling
        self.encoder = encoder
        self.pooling = pooling
        self.heads = nn.ModuleDict(heads)

    @property
    def tasks(self) -> list[str]:
        """The auxiliary tasks, in order."""
        return list(self.heads)

    def head(self, task: str) -> Head:
        """The head of an auxiliary task."""
        return cast("Head", self.heads[task])

    @property
    def trunk_parameters(self) -> list[nn.Parameter]:
        """What all tasks share."""
        return list(self.encoder.parameters())

    @property
    def task_parameters(self) -> list[list[nn.Parameter]]:
        """What each task has for itself, the main one first."""
        return [list(part.parameters()) for part in (self.pooling, *self.heads.values())]

    def embed(self, patches: Tensor, encode: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Embed patches (instances, *shape) as they lie in bags to (instances, width), in float32.

        `encode` runs the encoder, where that is not the encoder itself: in chunks or in lower precision.
        """
        return (encode or self.encoder)(self.scaling(patches)).to(torch.float32)

    def answer(self, embeddings: Tensor, segments: Segments) -> Answers:
        """What pooling and heads make of embeddings (instances, width)."""
        return Answers(self.pooling(embeddings, segments), {task: self.head(task)(embeddings) for task in self.tasks})

    def forward(self, patches: Tensor, segments: Segments) -> Answers:
        """Embed patches (instances, *shape) and answer."""
        return self.answer(self.embed(patches), segments)
