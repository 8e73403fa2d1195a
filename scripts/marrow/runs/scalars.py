"""The history of a run for TensorBoard, for those who have it; the Parquet file is what counts."""

from collections.abc import Sequence
from pathlib import Path

from marrow.errors import MarrowError
from marrow.learning.trainer import Row


def write_scalars(history: Sequence[Row], folder: Path) -> None:
    """One scalar for each number of an epoch, `loss_main` under `loss/main`.

    Raises:
        MarrowError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MarrowError(
            "MARROW_TENSORBOARD is set, and tensorboard is not installed; `pip install tensorboard`"
        ) from None
    with SummaryWriter(folder) as writer:
        for row in history:
            for name, value in row.items():
                if value is not None:
                    writer.add_scalar(name.replace("_", "/", 1), value, row["epoch"])
