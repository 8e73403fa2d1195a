"""What every task weighting gives: losses and the Gramian of their gradients in, weights out.

With one row of the Jacobian J for each task, the main one first, the Gramian is G = J J^T: G[i, j] = <g_i, g_j>, taken
over the shared trunk. All published rules here are functions of losses, Gramian and epoch; so none needs a second
derivative, and the trainer is written once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from marrow.errors import MarrowError


@dataclass(frozen=True)
class Observation:
    """What a weighting sees of a step.

    Attributes:
        epoch: counted from 0.
        step: counted from 0, over all epochs.
        losses: (1 + tasks,), detached, float32, the main one first.
        gramian: (1 + tasks, 1 + tasks), float32; None where the weighting does not ask for it.
    """

    epoch: int
    step: int
    losses: Tensor
    gramian: Tensor | None = None

    @property
    def products(self) -> Tensor:
        """The Gramian, for a rule that asked for it."""
        if self.gramian is None:
            raise ValueError(f"step {self.step} came without a Gramian; declare `gradients` for this weighting")
        return self.gramian


@dataclass(frozen=True)
class Weights:
    """How much each task counts, the main one first.

    Attributes:
        shared: (1 + tasks,), on the shared trunk.
        heads: (1 + tasks,), on what belongs to a task alone.
    """

    shared: Tensor
    heads: Tensor

    @classmethod
    def same(cls, weights: Tensor) -> "Weights":
        """The same on trunk and heads."""
        return cls(weights, weights)


class Weighting(ABC):
    """Weighs the main task against auxiliary ones, step after step; its kind declares whether it needs the Gramian."""

    needs_gramian: bool = False

    def asks_gramian(self, step: int) -> bool:
        """Whether it takes the Gramian of this step; where it does not, none needs to be computed."""
        del step  # Most rules take it in every step or in none; `marrow.learning.weighting.periodic` has the exception.
        return self.needs_gramian

    @abstractmethod
    def __call__(self, observation: Observation) -> Weights:
        """The weights of this step; what is remembered moves on."""

    def state(self) -> Mapping[str, Tensor]:
        """What is remembered from step to step, for a checkpoint."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave.

        Raises:
            MarrowError: the state is that of another rule or of another number of tasks.
        """
        given, kept = _shapes(state), _shapes(self.state())
        if given != kept:
            raise MarrowError(
                f"checkpoint: the weighting remembers {given}, but this one keeps {kept}; "
                "resume with the method that wrote the checkpoint, or delete it."
            )


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in sorted(tensors.items())}
