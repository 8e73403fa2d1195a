"""Modules of one make as one: each parameter stacked, (modules, ...).

The modules' own parameters become parts of the stack, so that whoever changes the one changes the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marrow.learning.training.gradients import Gradients, lying_as


@dataclass(frozen=True)
class Stack:
    """The parameters of some modules.

    Attributes:
        tensors: name of a parameter -> (modules, ...), which gradients can be asked for.
        parameters: in the same order, that parameter of each module.
    """

    tensors: dict[str, Tensor]
    parameters: list[list[nn.Parameter]]

    @classmethod
    def of(cls, modules: Sequence[nn.Module]) -> "Stack":
        """Stack modules that differ in their numbers alone."""
        names = [name for name, _ in modules[0].named_parameters()]
        parameters = [[module.get_parameter(name) for module in modules] for name in names]
        tensors = [torch.stack([each.detach() for each in of_modules]) for of_modules in parameters]
        for of_modules, tensor in zip(parameters, tensors, strict=True):
            for parameter, part in zip(of_modules, tensor, strict=True):
                parameter.data = part
        return cls({name: tensor.requires_grad_() for name, tensor in zip(names, tensors, strict=True)}, parameters)

    def part(self, wanted: Iterable[nn.Parameter]) -> list[Tensor]:
        """The tensors of some parameters of the first module."""
        known = {id(of_modules[0]): tensor for of_modules, tensor in zip(self.parameters, self.all, strict=True)}
        return [known[id(parameter)] for parameter in wanted]

    @property
    def all(self) -> list[Tensor]:
        """The tensors, in the order of the parameters."""
        return list(self.tensors.values())

    def set_gradients(self, gradients: Gradients) -> None:
        """Give each module its part of the gradients (modules, ...); None is none."""
        for of_modules, gradient in zip(self.parameters, gradients, strict=True):
            parts = [None] * len(of_modules) if gradient is None else gradient
            for parameter, part in zip(of_modules, parts, strict=True):
                parameter.grad = lying_as(parameter, part)
