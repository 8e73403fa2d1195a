"""The predictions of the runs of a method for one bag: each probability, and its range over the seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from marrow.runs.columns import probability_of


@dataclass(frozen=True)
class Prediction:
    """The probabilities of a bag's classes.

    Attributes:
        own: class -> probability, of the run that the map is of.
        mean, low, high: class -> mean, lowest and highest over the runs of all seeds.
        seeds: how many runs these are.
    """

    own: Mapping[str, float]
    mean: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]
    seeds: int

    @property
    def predicted(self) -> str:
        """The class that the run gives to the bag."""
        return max(self.own, key=self.own.__getitem__)

    def words(self) -> str:
        """The predicted class with its probability, and their range where there are several seeds."""
        name = self.predicted
        told = f"{name} {self.own[name]:.2f}"
        if self.seeds < 2:
            return told
        return f"{told} ({self.low[name]:.2f} to {self.high[name]:.2f} over {self.seeds} seeds)"


def prediction_of(bag: str, own: pa.Table, others: Sequence[pa.Table], classes: Sequence[str]) -> Prediction:
    """The predictions of runs for a bag.

    Args:
        bag: its id.
        own: the predictions of the run that the map is of.
        others: those of the runs with other seeds.
        classes: of the bags.
    """
    rows = [_row(table, bag, classes) for table in (own, *others)]
    return Prediction(
        own=rows[0],
        mean={name: sum(row[name] for row in rows) / len(rows) for name in classes},
        low={name: min(row[name] for row in rows) for name in classes},
        high={name: max(row[name] for row in rows) for name in classes},
        seeds=len(rows),
    )


def _row(table: pa.Table, bag: str, classes: Sequence[str]) -> dict[str, float]:
    position = table["bag"].to_pylist().index(bag)
    return {name: float(table[probability_of(name)][position].as_py()) for name in classes}
