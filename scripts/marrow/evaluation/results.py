"""The tables of an evaluation, read back for those that lay them out or draw them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from marrow.evaluation.cells import distinct, number, read_rows
from marrow.evaluation.run_status import DONE

TextRow = Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """A number of a method.

    Attributes:
        mean, std, sem, low, high: as in the summary; NaN where there is none.
        n: runs.
        p_corrected: of the comparison with the reference; NaN where there is none.
        note: why the mean is not there; empty where it is.
    """

    mean: float
    std: float
    sem: float
    n: int
    low: float
    high: float
    p_corrected: float
    note: str


@dataclass(frozen=True)
class Results:
    """What `evaluate_runs` wrote.

    Attributes:
        runs, summary, comparisons, notes: rows of its tables.
        reference: the method that the others are compared with.
        significance: below which a corrected p marks a difference.
    """

    runs: list[dict[str, str]]
    summary: list[dict[str, str]]
    comparisons: list[dict[str, str]]
    notes: list[dict[str, str]]
    reference: str
    significance: float

    @classmethod
    def read(
        cls, runs: Path, summary: Path, comparisons: Path, notes: Path, reference: str, significance: float
    ) -> "Results":
        """Read the tables."""
        return cls(
            read_rows(runs, "runs"),
            read_rows(summary, "summary"),
            read_rows(comparisons, "comparisons"),
            read_rows(notes, "notes"),
            reference,
            significance,
        )

    @property
    def parts(self) -> list[str]:
        """What runs are averaged in."""
        return distinct(self.runs, "part")

    @property
    def titles(self) -> dict[str, str]:
        """Method -> title, as planned."""
        return {row["method"]: row["title"] for row in self.runs}

    def tested(self, part: str) -> list[tuple[int, int]]:
        """How many bags and patients each run of a part tests."""
        done = [row for row in self.runs if row["part"] == part and row["status"] == DONE]
        return [(int(row["bags"]), int(row["patients"])) for row in done]

    def result(self, part: str, method: str, metric: str) -> Result | None:
        """A number of a method; None where no such run is planned."""
        row = self._summary.get((part, method, metric))
        if row is None:
            return None
        compared = self._comparisons.get((part, method, metric), {})
        numbers = [number(row[name]) for name in ("mean", "std", "sem", "low", "high")]
        mean, std, sem, low, high = numbers
        note = "" if row["mean"] else self._note(part, method, metric)
        return Result(mean, std, sem, int(row["n"]), low, high, number(compared.get("p_corrected", "")), note)

    def differs(self, result: Result) -> bool:
        """Whether a method differs from the reference after correction."""
        return result.p_corrected < self.significance

    def comparison(self, part: str, method: str, metric: str) -> TextRow | None:
        """A row of the comparisons."""
        return self._comparisons.get((part, method, metric))

    @cached_property
    def _summary(self) -> dict[tuple[str, str, str], TextRow]:
        return {(row["part"], row["method"], row["metric"]): row for row in self.summary}

    @cached_property
    def _comparisons(self) -> dict[tuple[str, str, str], TextRow]:
        return {(row["part"], row["method"], row["metric"]): row for row in self.comparisons}

    def _note(self, part: str, method: str, metric: str) -> str:
        told = [
            row["note"]
            for row in self.notes
            if row["part"] == part and row["method"] in {method, ""} and (row["metric"] or metric) == metric
        ]
        return told[0] if told else "it is not known why"
