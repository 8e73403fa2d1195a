"""Gradients of the heads and of the trunk, between which the graph is cut at the embeddings, and their weighted sum."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

Gradients = Sequence[Tensor | None]


def gradients_of(loss: Tensor, of: Sequence[Tensor]) -> Gradients:
    """The gradient of a loss with respect to each tensor; None where the loss does not depend on it."""
    return torch.autograd.grad(loss, of, allow_unused=True) if loss.requires_grad else [None] * len(of)


def zeros_if_none(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient; zeros in the shape of a tensor for None."""
    return torch.zeros_like(like) if gradient is None else gradient


def trunk_rows(
    embeddings: Tensor, parameters: Sequence[Tensor], at_cut: Sequence[Tensor], keep: bool = False
) -> Iterator[Sequence[Tensor]]:
    """For each task, the gradient of its loss with respect to parameters of the trunk: one backward pass each.

    `at_cut` has, for each task, the gradient of its loss with respect to the embeddings, which are the output of the
    trunk; `keep` keeps the graph for a further pass.
    """
    for position, gradient in enumerate(at_cut):
        yield torch.autograd.grad(
            embeddings, parameters, gradient, retain_graph=keep or position + 1 < len(at_cut), materialize_grads=True
        )


def weighted_sum(weights: Sequence[Tensor] | Tensor, tensors: Sequence[Tensor]) -> Tensor:
    """sum_t w_t x_t."""
    total = weights[0] * tensors[0]
    for weight, tensor in zip(weights[1:], tensors[1:], strict=True):
        total.addcmul_(weight, tensor)
    return total


def with_strides_of(parameter: Tensor, gradient: Tensor | None) -> Tensor | None:
    """A gradient with the strides of its parameter: a fused optimiser reads both in the order of their memory.

    Gradients from `autograd.grad` may have other strides.
    """
    if gradient is None or gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
