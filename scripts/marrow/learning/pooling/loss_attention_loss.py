"""The loss of loss-attention (Shi et al., AAAI 2020, eqs. 6 and 7), for a bag of class k with N instances.

    L1 = CE(z, k)                                            bag
    L2 = lambda sum_n a_n CE(z_n, k)                         instance
    L3 = omega(epoch) (1/N) sum_n (a_n - target_n)^2         consistency
    omega(epoch) = omega exp(-5 (1 - min(epoch / ramp, 1))^2), and 0 in epoch 0

Paper and released code differ. L2 is a sum over instances in the paper, here `sum`, a mean in the code, here `mean`; a
mean is the sum with lambda / N. L3 is a sum in the paper, a mean in the code and here. z_n is of the plain embedding,
and gradients flow through a_n, as in the code. Targets are in `marrow.learning.pooling.attention_memory`.

Terms are means over the bags of the step; a class weight counts for both cross-entropies of its bags.
"""

import math
from collections.abc import Mapping

from torch import Tensor

from marrow.learning.pooling.attention_memory import AttentionMemory
from marrow.learning.pooling.main_loss import MainLoss
from marrow.learning.pooling.outputs import class_loss
from marrow.learning.pooling.pooling import Pooled
from marrow.learning.pooling.segments import Segments, segment_mean, segment_sum, spread

REDUCTIONS = {"sum": segment_sum, "mean": segment_mean}


def instance_losses(
    pooled: Pooled, labels: Tensor, segments: Segments, reduction: str, class_weights: Tensor | None = None
) -> Tensor:
    """L2 / lambda of each bag, (bags,): the attention-weighted cross-entropy of instances to their bag's class."""
    attention, instance_logits = _attended(pooled)
    losses = class_loss(instance_logits, spread(labels, segments), class_weights)
    return REDUCTIONS[reduction](attention * losses, segments)


def consistency_losses(attention: Tensor, targets: Tensor, segments: Segments) -> Tensor:
    """L3 / omega of each bag, (bags,): the mean squared distance of attention from its targets, both (instances,)."""
    return segment_mean((attention - targets).square(), segments)


def ramp_up(epoch: int, length: float) -> float:
    """How much the consistency counts, from 0 in epoch 0 to 1 from epoch `length` on."""
    if epoch == 0:
        return 0.0
    reached = min(epoch / length, 1.0) if length > 0 else 1.0
    return math.exp(-5 * (1 - reached) ** 2)


class LossAttentionLoss(MainLoss):
    """The three terms, and the memory of attention for the third; it is not used where omega is 0."""

    def __init__(
        self,
        instance_weight: float,
        instance_reduction: str,
        consistency_weight: float,
        consistency_ramp: float,
        memory: AttentionMemory,
        class_weights: Tensor | None = None,
    ) -> None:
        super().__init__(class_weights)
        self.instance_weight = instance_weight
        self.instance_reduction = instance_reduction
        self.consistency_weight = consistency_weight
        self.consistency_ramp = consistency_ramp
        self._memory = memory

    def __call__(
        self, pooled: Pooled, labels: Tensor, segments: Segments, instances: Tensor | None, epoch: int
    ) -> dict[str, Tensor]:
        """The terms `bag`, `instance` and `consistency`; the last is 0 where instances are None: not of training."""
        terms = super().__call__(pooled, labels, segments, instances, epoch)
        losses = instance_losses(pooled, labels, segments, self.instance_reduction, self.class_weights)
        terms["instance"] = self.instance_weight * losses.mean()
        terms["consistency"] = self._consistency(_attended(pooled)[0], segments, instances, epoch)
        return terms

    def end_epoch(self) -> None:
        """Move the averages of attention."""
        self._memory.end_epoch()

    def state(self) -> dict[str, Tensor]:
        """The memory of attention."""
        return self._memory.state()

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        self._memory.restore(state)

    def _consistency(self, attention: Tensor, segments: Segments, instances: Tensor | None, epoch: int) -> Tensor:
        if instances is None or not self.consistency_weight:
            return attention.new_zeros(())
        targets = self._memory.targets(instances, attention)
        self._memory.note(instances, attention)
        weight = self.consistency_weight * ramp_up(epoch, self.consistency_ramp)
        return weight * consistency_losses(attention, targets, segments).mean()


def _attended(pooled: Pooled) -> tuple[Tensor, Tensor]:
    if pooled.attention is None or pooled.instance_logits is None:
        raise TypeError("this loss needs attention and instance logits, which loss-attention gives")
    return pooled.attention, pooled.instance_logits
