"""Guided backpropagation times input: which voxels or pixels of an instance speak for a class.

Springenberg et al. (2015) let a gradient pass a ReLU only where both its input and the gradient are positive:

    backwards through y = max(x, 0):   g_x = g_y [x > 0] [g_y > 0]

The gradient of what the model says of the instance alone, the logit of a class, times the instance as the encoder sees
it, is shown. No encoder is changed: every call of a ReLU, whichever name it goes by, is caught while it runs. With an
input that asks for a gradient the encoders use PyTorch's own layers (`marrow.learning.encoders.stage`).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from marrow.learning.model import Model
from marrow.learning.pooling.segments import Segments

_IN_PLACE = {torch.relu_, Tensor.relu_}
_RELUS = {torch.relu, Tensor.relu, functional.relu, functional.relu_} | _IN_PLACE


class _GuidedRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * (x > 0)


class GuidedRelus(TorchFunctionMode):
    """While this is entered, every ReLU passes positive gradients alone."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of PyTorch, a guided ReLU in place of a ReLU."""
        if func in _RELUS:
            return _GuidedRelu.apply(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))


def guided_saliency(model: Model, patches: Tensor, number: int, attributes: Tensor | None = None) -> Tensor:
    """Guided gradient times input of each instance by itself, (instances, *shape).

    Args:
        model: ready to judge; its weights gather no gradient.
        patches: (instances, *shape) of one bag, as they lie there, without margin.
        number: of the class whose logit is asked.
        attributes: (1, attributes) of the bag, for a model that learns from them.
    """
    with torch.enable_grad():
        seen = model.scaling(patches).detach().requires_grad_()
        with GuidedRelus():
            embeddings = model.encoder(seen)
        alone = Segments.of([1] * len(patches), patches.device)
        shared = None if attributes is None else attributes.expand(len(patches), -1)
        logits = model.judge(embeddings, alone, shared).logits
        asked = class_logit(logits, number).sum()
        (gradient,) = torch.autograd.grad(asked, seen)
    return (gradient * seen).detach()


def class_logit(logits: Tensor, number: int) -> Tensor:
    """The logit of a class, (n,); of two classes with one output the first has the other's with the sign turned."""
    if logits.shape[1] == 1:
        return logits[:, 0] if number == 1 else -logits[:, 0]
    return logits[:, number]
