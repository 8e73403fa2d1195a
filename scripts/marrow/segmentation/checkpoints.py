"""Where a training run stands, kept after every epoch so that one that was killed goes on from there."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from marrow.segmentation.network import ThreePathways
from marrow.segmentation.optimiser import NesterovRMSprop


@dataclass(frozen=True)
class Row:
    """One epoch: its number from 1, its seconds, the learning rate, the mean loss, and Dice on validation segments."""

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    dice: float


class Checkpoints:
    """The last checkpoint of a run, in a folder of its own.

    Args:
        folder: made when needed; what lies there was left by a run with the same fingerprint.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "last.safetensors"

    def keep(self, network: ThreePathways, optimiser: NesterovRMSprop, history: Sequence[Row]) -> None:
        """Replace the checkpoint, all at once."""
        tensors = {name: tensor.contiguous() for name, tensor in _state(network, optimiser).items()}
        told = {"history": json.dumps([asdict(row) for row in history])}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_suffix(".partial")
        partial.write_bytes(save(tensors, metadata=told))
        partial.replace(self._file)

    def resume(self, network: ThreePathways, optimiser: NesterovRMSprop) -> list[Row]:
        """Take over the last checkpoint; the history up to it, empty where there is none that can be read."""
        try:
            with safe_open(self._file, framework="pt") as file:
                history = [Row(**row) for row in json.loads(file.metadata()["history"])]
                for name, tensor in _state(network, optimiser).items():
                    tensor.copy_(file.get_tensor(name))
        except (OSError, SafetensorError):
            return []
        return history


def write_history(history: Sequence[Row], path: Path) -> None:
    """One row per epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(list(asdict(row).values()) for row in history)


def _state(network: ThreePathways, optimiser: NesterovRMSprop) -> dict[str, Tensor]:
    weights = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    return weights | {f"optimiser.{name}": tensor for name, tensor in optimiser.state().items()}
