"""Gradients above and below the cut at the embeddings, and their weighted sum."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

Gradients = Sequence[Tensor | None]


def gradients_of(loss: Tensor, of: Sequence[Tensor]) -> Gradients:
    """The gradient of a loss in each tensor; None where it does not depend on it."""
    return torch.autograd.grad(loss, of, allow_unused=True) if loss.requires_grad else [None] * len(of)


def or_zeros(gradient: Tensor | None, like: Tensor) -> Tensor:
    """A gradient, or what None stands for."""
    return torch.zeros_like(like) if gradient is None else gradient


def trunk_rows(
    embeddings: Tensor, parameters: Sequence[Tensor], into: Sequence[Tensor], keep: bool = False
) -> Iterator[Sequence[Tensor]]:
    """The gradients of each task on some parameters of the trunk.

    Args:
        embeddings: what the trunk gave.
        parameters: of the trunk.
        into: for each task the gradient of its loss in the embeddings.
        keep: leave the graph for another pass.
    """
    for position, gradient in enumerate(into):
        yield torch.autograd.grad(
            embeddings, parameters, gradient, retain_graph=keep or position + 1 < len(into), materialize_grads=True
        )


def weighted_sum(weights: Sequence[Tensor] | Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """sum_t w_t x_t."""
    total = weights[0] * tensors[0]
    for weight, tensor in zip(weights[1:], tensors[1:], strict=True):
        total.addcmul_(weight, tensor)
    return total


def lying_as(parameter: Tensor, gradient: Tensor | None) -> Tensor | None:
    """A gradient with the strides of its parameter, which those of `autograd.grad` need not have.

    A fused step of an optimiser reads both as they lie in memory.
    """
    if gradient is None or gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
