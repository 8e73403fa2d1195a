"""Loss-attention (Shi et al., AAAI 2020, eq. 5): the classifier of bags weighs instances too.

    z_n = W h_n + b,     a_n = sum_c exp(z_nc) / sum_t sum_c exp(z_tc),     z = W (sum_n a_n h_n) + b

No parameters but the classifier's, which has an output for each class, for two as well. Once a_n is known, the paper
writes h_n for a_n h_n; here z_n is always of the plain h_n, as in the released code and as the theorems need it. Since
the a_n add up to one, z = sum_n a_n z_n. The losses that go with it are in
`marrow.learning.pooling.loss_attention_loss`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from marrow.learning.pooling.attention_memory import AttentionMemory
from marrow.learning.pooling.loss_attention_loss import LossAttentionLoss
from marrow.learning.pooling.pooling import LinearPooling, Pooled
from marrow.learning.pooling.segments import Segments, attend


def loss_attention_scores(instance_logits: Tensor) -> Tensor:
    """Whose softmax over the bag is a_n: log sum_c exp(z_nc), (instances, classes) -> (instances,)."""
    return torch.logsumexp(instance_logits, 1)


class LossAttention(LinearPooling):
    """Attention by the classifier's own logits, of which it has one for each class."""

    def pool(self, embeddings: Tensor, segments: Segments) -> Pooled:
        """Pool (instances, width)."""
        instance_logits = self.classifier(embeddings)
        attention, pooled = attend(embeddings, loss_attention_scores(instance_logits), segments)
        return Pooled(self.classifier(pooled), attention, instance_logits, pooled)


def make(settings: Mapping[str, Any], width: int, classes: int) -> LossAttention:
    """The pooling; its settings are those of its loss."""
    return LossAttention(width, classes)


def make_loss(settings: Mapping[str, Any], class_weights: Tensor | None, instances: int | None) -> LossAttentionLoss:
    """The main loss of a method with this pooling."""
    return LossAttentionLoss(
        settings["instance_weight"],
        settings["instance_reduction"],
        settings["consistency_weight"],
        settings.get("consistency_ramp", 0),
        AttentionMemory(settings.get("consistency_decay", 0), instances),
        class_weights,
    )
