"""The history of a run as a log for TensorBoard, if the variable `MARROW_TENSORBOARD` names a folder for it."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from marrow.errors import MarrowError
from marrow.learning.training.trainer import Row

FOLDER = "MARROW_TENSORBOARD"


def check_tensorboard() -> None:
    """Refuse before a training a log that could not be written after it.

    Raises:
        MarrowError: TensorBoard is not installed.
    """
    if os.environ.get(FOLDER) and find_spec("tensorboard") is None:
        raise MarrowError(f"{FOLDER} is set, and tensorboard is not installed; `pip install tensorboard`, or unset it")


def write_scalars(history: Sequence[Row], folder: Path) -> None:
    """One scalar for each number of an epoch, `loss_main` under `loss/main`."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(folder) as writer:
        for row in history:
            for name, value in row.items():
                if value is not None:
                    writer.add_scalar(name.replace("_", "/", 1), value, row["epoch"])
