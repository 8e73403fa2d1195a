"""The optimiser of a method and its learning rate, step by step."""

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from marrow.device.adam import Adam

Training = Mapping[str, Any]


class MomentumDescent:
    """SGD with momentum, called as `marrow.device.adam.Adam` is; weight decay is an L2 term in the gradient."""

    def __init__(self, weights: Sequence[Tensor], weight_decay: float, momentum: float, *, nesterov: bool) -> None:
        self.weights = list(weights)
        self.weight_decay, self._momentum, self._nesterov = weight_decay, momentum, nesterov
        self._moves: list[Tensor | None] = [None] * len(self.weights)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], rate: float) -> None:
        """Move every weight that has a gradient once."""
        moved = [number for number, gradient in enumerate(gradients) if gradient is not None]
        moves = [self._moves[number] for number in moved]
        sgd(
            [self.weights[number] for number in moved],
            [gradient for gradient in gradients if gradient is not None],
            moves,
            weight_decay=self.weight_decay,
            momentum=self._momentum,
            lr=rate,
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
        )
        for number, move in zip(moved, moves, strict=True):
            self._moves[number] = move

    def state(self) -> Iterator[dict[str, Tensor]]:
        """The state that belongs to each weight."""
        yield from ({} if move is None else {"momentum_buffer": move} for move in self._moves)

    def restore(self, number: int, state: dict[str, Tensor]) -> None:
        """Restore the state of the weight with this number."""
        self._moves[number] = state["momentum_buffer"].to(self.weights[number].device)


@dataclass(frozen=True)
class Optimiser:
    """The optimiser of a method, in groups that each update a part of the weights with a weight decay of its own."""

    groups: Sequence[Adam | MomentumDescent]

    def step(self, rate: float) -> None:
        """Move every weight that has a gradient once."""
        for group in self.groups:
            group.step([weight.grad for weight in group.weights], rate)

    def state(self) -> dict[str, Tensor]:
        """The state as named tensors: `{weight}.{name}`."""
        kept = itertools.chain.from_iterable(group.state() for group in self.groups)
        return {f"{number}.{name}": tensor for number, state in enumerate(kept) for name, tensor in state.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Restore the tensors that `state` returned."""
        entries: dict[int, dict[str, Tensor]] = {}
        for key, tensor in state.items():
            number, _, name = key.partition(".")
            entries.setdefault(int(number), {})[name] = tensor
        places = [(group, number) for group in self.groups for number in range(len(group.weights))]
        for number, entry in entries.items():
            group, place = places[number]
            group.restore(place, entry)


def optimiser_of(training: Training, model: nn.Module) -> Optimiser:
    """Adam or SGD with momentum, as the section `training` of a method says.

    Weight decay is an L2 term in the gradient, as in the papers.
    """
    decay: float = training["weight_decay"]
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1 or training["decay_biases"]]
    rest = [parameter for parameter in model.parameters() if parameter.ndim <= 1 and not training["decay_biases"]]
    parts = [(matrices, decay), (rest, 0.0)]
    if training["optimiser"] == "sgd":
        momentum, nesterov = training["momentum"], training["nesterov"]
        return Optimiser([MomentumDescent(weights, decay, momentum, nesterov=nesterov) for weights, decay in parts])
    return Optimiser([Adam(weights, decay) for weights, decay in parts])


def learning_rate(training: Training, epoch: int, step: int) -> float:
    """The learning rate of a step, counted from 0 over all epochs.

    It falls by a factor after each of `learning_rate_steps` epochs, and is divided by 1 + step * `learning_rate_decay`.
    """
    falls = bisect_right(training["learning_rate_steps"], epoch)
    rate: float = training["learning_rate"] * training["learning_rate_factor"] ** falls
    return rate / (1 + step * training["learning_rate_decay"])
