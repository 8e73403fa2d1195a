"""A trained, frozen model for inversion: its predictions of bags, and the gradients with respect to their instances.

Bags are packed. A loss is the sum over bags, and encoders embed each instance by itself, so the gradient of an instance
is that of its own bag alone, whatever it is packed with.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from marrow.errors import MarrowError
from marrow.explanation.inversion.space import Space
from marrow.learning.model import Model
from marrow.learning.pooling.outputs import class_loss, probabilities
from marrow.learning.pooling.segments import Segments


class Network:
    """A model whose weights stay as they are.

    Args:
        model: trained, on its device.
        space: the units of instances.
        encode: what runs the model's encoder, where that is not the encoder itself.
    """

    def __init__(self, model: Model, space: Space, encode: Callable[[Tensor], Tensor] | None = None) -> None:
        self.space = space
        self._model = model.eval().requires_grad_(False)
        self._encode = encode

    def gradient(self, units: Tensor, segments: Segments, targets: Tensor) -> Tensor:
        """Of each bag's cross-entropy with its target (bags,) with respect to units (instances, *shape)."""
        with torch.enable_grad():
            free = units.detach().requires_grad_()
            logits, _ = self._answer(free, segments)
            return torch.autograd.grad(class_loss(logits, targets).sum(), free)[0]

    @torch.no_grad()
    def predict(self, units: Tensor, segments: Segments) -> tuple[Tensor, Tensor]:
        """Units (instances, *shape) -> probabilities of classes (bags, classes) and attention (instances,)."""
        logits, attention = self._answer(units, segments)
        return probabilities(logits), attention

    def _answer(self, units: Tensor, segments: Segments) -> tuple[Tensor, Tensor]:
        pooled = self._model.pooling(self._model.embed(self.space.patches(units), self._encode), segments)
        if pooled.attention is None:
            raise MarrowError(
                "the model weighs no instances, so there is no attention to look at before and after an inversion; "
                "invert a model whose pooling has attention, and take this one out of inversion.runs"
            )
        return pooled.logits, pooled.attention
