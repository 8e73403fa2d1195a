"""The state of a training, in one file that appears whole or not at all: tensors as safetensors, the rest as JSON.

The file lies outside the declared outputs, in a folder named by the fingerprint of the run; so a run that was killed
finds its own and no other. Nothing in it is ever executed.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from marrow.device.tensor_file import read_tensors, tensor_bytes
from marrow.errors import MarrowError

SECONDS_BETWEEN = 30.0


@dataclass(frozen=True)
class Checkpoint:
    """A state: tensors by name, and plain values for JSON."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors under `name.`, without it."""
        start = f"{name}."
        return {key.removeprefix(start): tensor for key, tensor in self.tensors.items() if key.startswith(start)}


def parts(**named: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of several states under one name each."""
    return {f"{name}.{key}": tensor for name, state in named.items() for key, tensor in state.items()}


class Checkpoints:
    """The last checkpoint of a run, in a folder that is made when needed.

    What lies there was left by a run with the same fingerprint. `seconds_between` is the least time between two of
    them, except where one is asked for.
    """

    def __init__(self, folder: Path, seconds_between: float = SECONDS_BETWEEN) -> None:
        self._folder = folder
        self._between = seconds_between
        self._written = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for another one."""
        return time.monotonic() - self._written >= self._between

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, all at once and safe from a loss of power."""
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / "last.partial"
        with partial.open("wb") as file:
            file.write(tensor_bytes(checkpoint.tensors, {"values": json.dumps(checkpoint.values)}))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._file)
        self._written = time.monotonic()

    def read(self) -> Checkpoint | None:
        """The last checkpoint; None where there is none that can be read."""
        try:
            tensors, texts = read_tensors(self._file)
            return Checkpoint(tensors, json.loads(texts["values"]))
        except (MarrowError, LookupError, ValueError):
            return None

    @property
    def _file(self) -> Path:
        return self._folder / "last.safetensors"
