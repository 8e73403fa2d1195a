"""What the epochs of a training were like."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One epoch: its number from 1, its seconds, the learning rate, the mean loss, and Dice on validation segments."""

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    dice: float


def write_history(history: Sequence[Row], path: Path) -> None:
    """One row per epoch as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(list(asdict(row).values()) for row in history)
