"""The parameters of equal modules as stacked tensors (modules, ...), which `torch.func.functional_call` takes.

The modules' parameters become views of the stacked tensors: the optimiser of a single module updates the stack.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from marrow.learning.training.gradients import Gradients, with_strides_of


@dataclass(frozen=True)
class StackedParameters:
    """The parameters of several modules that have the same architecture.

    Attributes:
        tensors: name of a parameter -> (modules, ...), leaves of the graph that require gradients.
        parameters: for each of these names, in the same order, the parameter of each module.
    """

    tensors: dict[str, Tensor]
    parameters: list[list[nn.Parameter]]

    @classmethod
    def of(cls, modules: Sequence[nn.Module]) -> "StackedParameters":
        """Stack the parameters of modules; makes these parameters views of the stack."""
        names = [name for name, _ in modules[0].named_parameters()]
        parameters = [[module.get_parameter(name) for module in modules] for name in names]
        tensors = [torch.stack([each.detach() for each in of_modules]) for of_modules in parameters]
        for of_modules, tensor in zip(parameters, tensors, strict=True):
            for parameter, part in zip(of_modules, tensor, strict=True):
                parameter.data = part
        return cls({name: tensor.requires_grad_() for name, tensor in zip(names, tensors, strict=True)}, parameters)

    def part(self, of_first: Iterable[nn.Parameter]) -> list[Tensor]:
        """The stacked tensors that belong to some parameters of the first module."""
        stacked = {id(of_modules[0]): tensor for of_modules, tensor in zip(self.parameters, self.all, strict=True)}
        return [stacked[id(parameter)] for parameter in of_first]

    @property
    def all(self) -> list[Tensor]:
        """All stacked tensors, in the order of `parameters`."""
        return list(self.tensors.values())

    def set_gradients(self, gradients: Gradients) -> None:
        """Set the gradients of all modules' parameters from stacked ones (modules, ...); None for no gradient."""
        for of_modules, gradient in zip(self.parameters, gradients, strict=True):
            parts = [None] * len(of_modules) if gradient is None else gradient
            for parameter, part in zip(of_modules, parts, strict=True):
                parameter.grad = with_strides_of(parameter, part)
