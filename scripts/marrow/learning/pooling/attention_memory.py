"""What attention each training instance had in earlier epochs (Laine & Aila, 2017, as Shi et al., AAAI 2020, use it).

    A <- decay A + (1 - decay) a      once an epoch, at its end
    target = A / (1 - decay^updates)

The paper does not print the divisor, its released code has it: without, the first targets would be near zero. Updates
are counted for each instance, so one that an epoch leaves out keeps what it had.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


class AttentionMemory:
    """The running average of every instance's attention.

    Args:
        decay: how much of the average stays from epoch to epoch, in [0, 1).
        instances: how many there are in the training corpus; None to grow as they come, for which a GPU has to wait
            once a step.
    """

    def __init__(self, decay: float, instances: int | None = None) -> None:
        self.decay = decay
        self._instances = instances
        self._average = torch.zeros(0)  # nothing is held until it is needed
        self._latest = torch.zeros(0)
        self._seen = torch.zeros(0, dtype=torch.bool)  # in this epoch
        self._updates = torch.zeros(0, dtype=torch.int64)

    def note(self, instances: Tensor, attention: Tensor) -> None:
        """Take down the attention (n,) of instances at these positions (n,) in the training corpus."""
        self._make_room(instances)
        self._latest[instances] = attention.detach().to(self._latest.dtype)
        self._seen[instances] = True

    def targets(self, instances: Tensor, attention: Tensor) -> Tensor:
        """The average of earlier epochs, (n,), without gradient; where there is none yet, attention (n,) itself."""
        self._make_room(instances)
        updates = self._updates[instances]
        average = self._average[instances] / (1 - self.decay**updates)  # 0 / 0 without updates
        return torch.where(updates > 0, average, attention.detach())

    def end_epoch(self) -> None:
        """Move the averages of the instances that this epoch has seen."""
        moved = self.decay * self._average + (1 - self.decay) * self._latest
        self._average = torch.where(self._seen, moved, self._average)
        self._updates = self._updates + self._seen
        self._seen = torch.zeros_like(self._seen)

    def state(self) -> dict[str, Tensor]:
        """Copies of all it holds, by name."""
        held = {"average": self._average, "latest": self._latest, "seen": self._seen, "updates": self._updates}
        return {name: tensor.clone() for name, tensor in held.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over copies of what `state` gave."""
        self._average = state["average"].clone()
        self._latest = state["latest"].clone()
        self._seen = state["seen"].clone()
        self._updates = state["updates"].clone()

    def _make_room(self, instances: Tensor) -> None:
        """Hold these positions, on their device."""
        wanted = int(instances.max()) + 1 if self._instances is None else self._instances
        missing = max(0, wanted - len(self._average))
        if not missing and self._average.device == instances.device:
            return
        self._average, self._latest, self._seen, self._updates = (
            torch.cat([held.to(instances.device), held.new_zeros(missing, device=instances.device)])
            for held in (self._average, self._latest, self._seen, self._updates)
        )
