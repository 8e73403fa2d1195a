"""Texts and numbers of the cells of tables."""

import math
from collections.abc import Iterable, Sequence

from marrow.evaluation.cells import Cell
from marrow.evaluation.results import Result, Results
from marrow.tables.text_table import Footnotes

MARK = "*"
SPREADS = {"std": "standard deviation", "sem": "standard error of the mean"}


def mean_text(result: Result | None, spread: str, results: Results, footnotes: Footnotes, show_n: bool) -> str:
    """A mean of ours with its spread and its mark; the reason where there is none."""
    if result is None:
        return "not run"
    if math.isnan(result.mean):
        word = "undefined" if result.note.startswith("undefined") else "missing"
        return f"{word} [{footnotes.mark(result.note)}]"
    around: float = {"std": result.std, "sem": result.sem}.get(spread, math.nan)
    text = f"{result.mean:.3f}" + ("" if math.isnan(around) else f" ± {around:.3f}")
    return text + (f" (n {result.n})" if show_n else "") + (MARK if results.differs(result) else "")


def own_numbers(result: Result | None, results: Results, absent: str) -> dict[str, Cell]:
    """The columns of a cell in the CSV file that are ours; `absent` is what is noted where there is no such run."""
    if result is None:
        names = ("ours", "ours_std", "ours_sem", "ours_n", "low", "high", "p_corrected", "mark")
        return {**dict.fromkeys(names), "note": absent}
    return {
        "ours": result.mean,
        "ours_std": result.std,
        "ours_sem": result.sem,
        "ours_n": result.n,
        "low": result.low,
        "high": result.high,
        "p_corrected": result.p_corrected,
        "mark": MARK if results.differs(result) else "",
        "note": result.note if math.isnan(result.mean) else "",
    }


def row_title(title: str, method: str | None, results: Results) -> str:
    """The title of a method's row, which tells the reference."""
    return f"{title} (reference)" if method == results.reference else title


def shared_n(found: Sequence[Result | None]) -> int | None:
    """How many runs are behind every number, if it is as many for all; None otherwise."""
    counts = {result.n for result in found if result is not None and not math.isnan(result.mean)}
    return counts.pop() if len(counts) == 1 else None


def told_n(n: int | None, spread: str) -> str:
    """What a mean is of, in words."""
    if n is None:
        return f"Ours: mean ± {SPREADS[spread]} over the n runs given in each cell."
    if n == 1:
        return "Ours: one run a cell, so there is no spread."
    return f"Ours: mean ± {SPREADS[spread]} over n = {n} runs (repeats, folds and seeds)."


def told_tested(parts: Iterable[str], results: Results) -> list[str]:
    """On how much a run is tested."""
    tested = [counts for part in parts for counts in results.tested(part)]
    if not tested:
        return []
    bags, patients = (_range([each[index] for each in tested]) for index in (0, 1))
    return [f"Ours: each run is tested on {bags} bags of {patients} patients."]


def told_marks(results: Results) -> list[str]:
    """What the mark means, and what its absence does not."""
    reference = results.titles.get(results.reference, results.reference)
    if len(results.titles) < 2:
        return []
    return [
        f"{MARK} differs from {reference}, the reference: paired permutation test over patients on the same bags and "
        f"seeds, p below {results.significance:g} after Holm's correction over {len(results.titles) - 1} methods. "
        "Numbers without a mark are not shown to differ, whatever their order."
    ]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"
