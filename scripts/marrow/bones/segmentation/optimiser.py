"""RMSprop with Nesterov momentum, as DeepMedic trains with; PyTorch's own differs in both.

For a parameter w with gradient g, one step is

    v <- rho v + (1 - rho) g^2
    m <- mu m - eta g / sqrt(v + epsilon)
    w <- w + mu m - eta g / sqrt(v + epsilon)

Epsilon is inside the root (PyTorch adds it outside): with 1e-4, steps of small gradients are damped and not normalised
to full size. The momentum is Nesterov's (PyTorch's is classical), and not scaled by 1 - mu.
"""

from collections.abc import Iterable

import torch
from torch import Tensor


class NesterovRMSprop:
    """The optimiser; its state is two tensors a parameter. `rho`, `epsilon` and `momentum` (mu) are as above."""

    def __init__(
        self, parameters: Iterable[torch.nn.Parameter], rho: float = 0.9, epsilon: float = 1e-4, momentum: float = 0.6
    ) -> None:
        self.parameters = list(parameters)
        self.rho, self.epsilon, self.momentum = rho, epsilon, momentum
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.moves = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter that has a gradient, and forget the gradient."""
        for parameter, square, move in zip(self.parameters, self.squares, self.moves, strict=True):
            if parameter.grad is None:
                continue
            gradient = parameter.grad
            square.mul_(self.rho).addcmul_(gradient, gradient, value=1 - self.rho)
            step = gradient * torch.rsqrt(square + self.epsilon) * -learning_rate
            move.mul_(self.momentum).add_(step)
            parameter.add_(move, alpha=self.momentum).add_(step)
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Its tensors by name."""
        squares = {f"square.{index}": tensor for index, tensor in enumerate(self.squares)}
        return squares | {f"move.{index}": tensor for index, tensor in enumerate(self.moves)}
