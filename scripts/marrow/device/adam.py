"""PyTorch's Adam by its function: the classes of `torch.optim` import a compiler at their first step, for seconds."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Moves tensors against their gradients; weight decay is an L2 term in the gradient."""

    def __init__(self, weights: Sequence[Tensor], weight_decay: float = 0.0) -> None:
        self.weights = list(weights)
        self.weight_decay = weight_decay
        self._means, self._squares = ([torch.zeros_like(weight) for weight in self.weights] for _ in range(2))
        self._steps = [torch.zeros((), device=weight.device) for weight in self.weights]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], rate: float) -> None:
        """Move every weight that has a gradient once."""
        moved = [number for number, gradient in enumerate(gradients) if gradient is not None]
        weights, means, squares, steps = (
            [tensors[number] for number in moved] for tensors in (self.weights, self._means, self._squares, self._steps)
        )
        adam(
            weights,
            [gradient for gradient in gradients if gradient is not None],
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    def state(self) -> Iterator[dict[str, Tensor]]:
        """What it remembers of each weight."""
        for mean, square, step in zip(self._means, self._squares, self._steps, strict=True):
            yield {"exp_avg": mean, "exp_avg_sq": square, "step": step}

    def restore(self, number: int, state: dict[str, Tensor]) -> None:
        """Take over what `state` gave of a weight."""
        for kept, name in ((self._means, "exp_avg"), (self._squares, "exp_avg_sq"), (self._steps, "step")):
            kept[number].copy_(state[name])
