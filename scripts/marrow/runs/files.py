"""The files of a run, in the order in which the rule `train_model` declares them."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFiles:
    """The files of a run: the weights of the chosen epoch, a row for each epoch, and the summary."""

    model: Path
    history: Path
    summary: Path

    @classmethod
    def within(cls, folder: Path) -> "RunFiles":
        """Those in a folder."""
        return cls(*(folder / name for name in ("model.safetensors", "history.parquet", "run.json")))

    def __iter__(self) -> Iterator[Path]:
        """All, in order."""
        return iter(astuple(self))
