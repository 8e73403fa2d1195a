"""A mixture of two experts, one on pictures and one on attributes, and a gate between them (Sahasrabudhe et al., 2020).

    pi = sigma(theta_G^T [theta_A^T p; a])                      (eq. 15)
    P(y) = pi P_pictures(y) + (1 - pi) P_attributes(y)          (eq. 17)

where p are the pooled features of a bag and a its attributes. The loss is -log P of the bag's class (eq. 18), in log
space: with log P_pictures and log P_attributes of the logits,

    log P(y) = log( exp(log pi + log P_pictures(y)) + exp(log(1 - pi) + log P_attributes(y)) )

which is finite however far off an expert is. So is the gradient: it pushes each expert by its share of the bag's
likelihood, whence the experts specialise.

The released code differs (`as-released`): the projection of p has a bias and a tanh, and the gate two outputs with
biases and a softmax, which is a sigmoid of their difference.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.learning.fusion.fusion import AttributeVerdict, Fusion, Pool
from marrow.learning.pooling.outputs import log_probabilities, logits_of
from marrow.learning.pooling.pooling import Experts, Pooled
from marrow.learning.pooling.segments import Segments


class Gate(nn.Module):
    """The logit of the share that pictures have, as printed: one sigmoid and no bias."""

    def __init__(self, width: int, columns: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, 1, bias=False)
        self.output = nn.Linear(1 + columns, 1, bias=False)

    def forward(self, pooled: Tensor, columns: Tensor) -> Tensor:
        """Pooled features (bags, width) and attributes (bags, columns) -> (bags,)."""
        return self.output(torch.cat([self.projection(pooled), columns], 1))[:, 0]


class ReleasedGate(nn.Module):
    """The same as in the released code: a tanh after the projection, and a softmax of two."""

    def __init__(self, width: int, columns: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, 1)
        self.output = nn.Linear(1 + columns, 2)

    def forward(self, pooled: Tensor, columns: Tensor) -> Tensor:
        """Pooled features (bags, width) and attributes (bags, columns) -> (bags,)."""
        both = self.output(torch.cat([self.projection(pooled).tanh(), columns], 1))
        return both[:, 0] - both[:, 1]


class Mixture(Fusion):
    """Mixes the experts' probabilities by a gate."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(
        self, pool: Pool, expert: AttributeVerdict, embeddings: Tensor, segments: Segments, columns: Tensor
    ) -> Pooled:
        """Mix the verdicts of both experts; the pooling has to give its pooled features."""
        pictures, attributes = pool(embeddings, segments), expert(columns)
        if pictures.embedding is None:
            raise ValueError("the pooling classifies instances first, so there are no pooled features for the gate")
        gate: Tensor = self.gate(pictures.embedding, columns)[:, None]
        mixed = torch.logaddexp(
            functional.logsigmoid(gate) + log_probabilities(pictures.logits),
            functional.logsigmoid(-gate) + log_probabilities(attributes),
        )
        experts = Experts(pictures.logits, attributes, torch.sigmoid(gate[:, 0]))
        return replace(pictures, logits=logits_of(mixed, attributes.shape[1]), experts=experts)


def make(settings: Mapping[str, Any], width: int, columns: int, classes: int) -> Mixture:
    """The mixture of a method."""
    return Mixture((Gate if settings["gate"] == "as-printed" else ReleasedGate)(width, columns))
