"""What a benchmark is, what it finds, and how two sides are timed fairly."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Measurement:
    """One number of a run.

    Attributes:
        id: what was measured.
        value: the number for Marrow.
        unit: of `value` and `reference`.
        reference: the same number for the floor or the peer, in the same run; None where there is none.
        ratio: of the two, the way round that the goal is put; None without a reference.
    """

    id: str
    value: float
    unit: str
    reference: float | None = None
    ratio: float | None = None


@dataclass(frozen=True)
class Goal:
    """What a measurement should reach: which number (`of`) should be `at` least or most a bound; `means` says so."""

    of: Literal["value", "ratio"]
    at: Literal["least", "most"]
    bound: float
    means: str

    def is_met(self, number: float | None) -> bool:
        """Whether a value or ratio reaches the goal; one that was not measured does not."""
        if number is None:
            return False
        return number >= self.bound if self.at == "least" else number <= self.bound


@dataclass(frozen=True)
class Benchmark:
    """A benchmark.

    Attributes:
        id: its name on the command line.
        compares: what is set against what, in a sentence.
        goals: id of a measurement -> its goal; the ids are all that `measure` gives.
        measure: runs both sides.
        on_request: whether it takes so long that it runs only when it is asked for by its id.
    """

    id: str
    compares: str
    goals: Mapping[str, Goal]
    measure: Callable[[], Sequence[Measurement]]
    on_request: bool = False


def side_by_side(ours: Callable[[], object], theirs: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median seconds of each of two calls, taken in turns so that a busy spell of the machine meets both.

    What a call leaves for the disk is written before the next one starts: no side waits for the other's files.
    """
    seconds = [(seconds_of(ours), seconds_of(theirs)) for _ in range(repeats)]
    mine, others = zip(*seconds, strict=True)
    return statistics.median(mine), statistics.median(others)


def seconds_of(call: Callable[[], object]) -> float:
    """Seconds by the clock that a call takes, with nothing left to write to the disk before it."""
    os.sync()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
