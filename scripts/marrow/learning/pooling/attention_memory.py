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
    """The running average of every instance's attention, of which `decay`, in [0, 1), stays from epoch to epoch.

    `instances` are those of the training corpus; None to grow as they come, for which a GPU has to wait once a step.
    """

    def __init__(self, decay: float, instances: int | None = None) -> None:
        self.decay = decay
        self._instances = instances
        self._held = {  # nothing until it is needed
            "average": torch.zeros(0),
            "latest": torch.zeros(0),
            "seen": torch.zeros(0, dtype=torch.bool),  # in this epoch
            "updates": torch.zeros(0, dtype=torch.int64),
        }

    def note(self, instances: Tensor, attention: Tensor) -> None:
        """Take down the attention (n,) of instances at these positions (n,) in the training corpus."""
        self._make_room(instances)
        self._held["latest"][instances] = attention.detach().to(self._held["latest"].dtype)
        self._held["seen"][instances] = True

    def targets(self, instances: Tensor, attention: Tensor) -> Tensor:
        """The average of earlier epochs, (n,), without gradient; where there is none yet, attention (n,) itself."""
        self._make_room(instances)
        updates = self._held["updates"][instances]
        average = self._held["average"][instances] / (1 - self.decay**updates)  # 0 / 0 without updates
        return torch.where(updates > 0, average, attention.detach())

    def end_epoch(self) -> None:
        """Move the averages of the instances that this epoch has seen."""
        average, seen = self._held["average"], self._held["seen"]
        moved = self.decay * average + (1 - self.decay) * self._held["latest"]
        self._held["average"] = torch.where(seen, moved, average)
        self._held["updates"] = self._held["updates"] + seen
        self._held["seen"] = torch.zeros_like(seen)

    def state(self) -> dict[str, Tensor]:
        """Copies of all it holds, by name."""
        return {name: tensor.clone() for name, tensor in self._held.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over copies of what `state` gave."""
        self._held = {name: tensor.clone() for name, tensor in state.items()}

    def _make_room(self, instances: Tensor) -> None:
        """Hold these positions, on their device."""
        device, average = instances.device, self._held["average"]
        needed = int(instances.max()) + 1 if self._instances is None else self._instances
        missing = max(0, needed - len(average))
        if missing or average.device != device:
            self._held = {
                name: torch.cat([tensor.to(device), tensor.new_zeros(missing, device=device)])
                for name, tensor in self._held.items()
            }
