"""A multiple-instance classifier: scaling, encoder, pooling with its classifier, and a head for each auxiliary task.

    h_n = f(x_n),   verdict on the bag = g(h_1 ... h_N, a),   answer to task t = b_t(h_n)

where a are the bag's clinical attributes, for methods that learn from them (`Clinical`).

The encoder f is the trunk: all tasks share it, and nothing else. Attention and classifier belong to the main task.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from marrow.learning.attributes import AttributeScaling
from marrow.learning.encoders.encoder import Encoder
from marrow.learning.experts.expert import Expert
from marrow.learning.fusion.fusion import Fusion
from marrow.learning.heads.head import Head
from marrow.learning.pooling.pooling import Pooled, Pooling
from marrow.learning.pooling.segments import Segments
from marrow.learning.scaling import Scaling


@dataclass(frozen=True)
class Answers:
    """What a model says of packed bags: the verdicts on them, and for each auxiliary task (instances, outputs)."""

    pooled: Pooled
    auxiliary: Mapping[str, Tensor]


class Clinical(nn.Module):
    """What a model makes of attributes: their scaling, the expert that judges them, the fusion with pictures."""

    def __init__(self, scaling: AttributeScaling, expert: Expert, fusion: Fusion) -> None:
        super().__init__()
        self.scaling = scaling
        self.expert = expert
        self.fusion = fusion


class Model(nn.Module):
    """A multiple-instance classifier; `heads` has the head of each auxiliary task by its name.

    `clinical` is for methods that learn from attributes.
    """

    def __init__(
        self,
        scaling: Scaling,
        encoder: Encoder,
        pooling: Pooling,
        heads: Mapping[str, Head],
        clinical: Clinical | None = None,
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.encoder = encoder
        self.pooling = pooling
        self.heads = nn.ModuleDict(heads)
        self.clinical = clinical
        self._frozen: list[nn.Module] = []

    @property
    def tasks(self) -> list[str]:
        """The auxiliary tasks, in order."""
        return list(self.heads)

    def head(self, task: str) -> Head:
        """The head of an auxiliary task."""
        return cast("Head", self.heads[task])

    @property
    def trunk_parameters(self) -> list[nn.Parameter]:
        """What all tasks share, without what is frozen."""
        return [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    @property
    def task_parameters(self) -> list[list[nn.Parameter]]:
        """What each task has for itself, the main one first, without what is frozen."""
        main = [self.pooling] if self.clinical is None else [self.pooling, self.clinical]
        parts = [main, *([head] for head in self.heads.values())]
        return [[own for module in part for own in module.parameters() if own.requires_grad] for part in parts]

    @property
    def is_trainable(self) -> bool:
        """Whether there is anything that gradients train."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def freeze(self, *parts: nn.Module) -> None:
        """Leave parts as they are from now on: they gather no gradient and drop no unit."""
        self._frozen += [part.requires_grad_(False) for part in parts]
        self.train(self.training)

    def train(self, mode: bool = True) -> "Model":
        """Set training or evaluation; what is frozen stays in evaluation."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self

    def embed(self, patches: Tensor, encode: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Embed patches (instances, *shape) as they lie in bags to (instances, width), in float32.

        `encode` runs the encoder, where that is not the encoder itself: in chunks or in lower precision.
        """
        return (encode or self.encoder)(self.scaling(patches)).to(torch.float32)

    def judge(self, embeddings: Tensor, segments: Segments, attributes: Tensor | None = None) -> Pooled:
        """The verdicts on bags of embeddings (instances, width) and attributes (bags, attributes)."""
        if self.clinical is None or attributes is None:
            return self.pooling(embeddings, segments)
        columns = self.clinical.scaling(attributes)
        return self.clinical.fusion(self.pooling, self.clinical.expert, embeddings, segments, columns)

    def joined(self, embeddings: Tensor, segments: Segments, attributes: Tensor) -> Tensor:
        """What is pooled: embeddings (instances, width), wider where the fusion joins attributes to them."""
        if self.clinical is None:
            return embeddings
        return self.clinical.fusion.joined(embeddings, segments, self.clinical.scaling(attributes))

    def answer(self, embeddings: Tensor, segments: Segments, attributes: Tensor | None = None) -> Answers:
        """What pooling, fusion and heads make of embeddings (instances, width) and attributes (bags, attributes)."""
        auxiliary = {task: self.head(task)(embeddings) for task in self.tasks}
        return Answers(self.judge(embeddings, segments, attributes), auxiliary)

    def forward(self, patches: Tensor, segments: Segments, attributes: Tensor | None = None) -> Answers:
        """Embed patches (instances, *shape) and answer."""
        return self.answer(self.embed(patches), segments, attributes)
