"""What the tables of papers and those of all metrics share: texts of cells, rows, notes, and the cells as numbers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import pandas as pd

from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.results import MARK, Results
from marrow.tables.frames import joined
from marrow.tables.text_table import NOTHING, Footnotes

SPREADS = {"std": "standard deviation", "sem": "standard error of the mean"}
_OURS = {"mean": "ours", "std": "ours_std", "sem": "ours_sem", "n": "ours_n"}


def table_of_cells(cells: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The cells of all tables as numbers, with the columns that `COLUMNS` declares for `tables`."""
    return joined((each.rename(columns=_OURS) for each in cells), COLUMNS["tables"])


def mean_texts(cells: pd.DataFrame, spread: str, footnotes: Footnotes) -> tuple[list[str], str]:
    """A text for each cell, and a note of what its mean is.

    Args:
        cells: with the columns of `Results.cells`.
        spread: what stands after the plus-minus sign, std or sem.
        footnotes: where the reasons go why there is no mean.
    """
    counts = cells.loc[cells["mean"].notna(), "n"].unique().tolist()
    is_shared = len(counts) == 1
    texts = [_mean_text(cell, spread, footnotes, show_n=not is_shared) for cell in cells.to_dict("records")]
    if not is_shared:
        return texts, f"Ours: mean ± {SPREADS[spread]} over the n runs given in each cell."
    if counts == [1]:
        return texts, "Ours: one run a cell, so there is no spread."
    return texts, f"Ours: mean ± {SPREADS[spread]} over n = {counts[0]:.0f} runs (repeats, folds and seeds)."


def text_rows(cells: pd.DataFrame, texts: Iterable[Sequence[str]], reference: str) -> tuple[tuple[str, ...], ...]:
    """The rows of a table in texts: the title of each, which says of the reference that it is, then its cells.

    Args:
        cells: row after row, with the `row` and the `method` of each.
        texts: of each cell, one or more.
        reference: the method that the others are compared with.
    """
    rows = pd.Series(list(texts)).groupby([cells["row"], cells["method"]], sort=False).agg(list)
    keyed: Iterable[tuple[tuple[str, str], list[Sequence[str]]]] = zip(rows.index, rows, strict=True)
    return tuple(
        (f"{title} (reference)" if method == reference else title, *chain.from_iterable(of_row))
        for (title, method), of_row in keyed
    )


def tested_note(parts: Iterable[str], results: Results) -> list[str]:
    """On how much a run is tested."""
    tested = pd.concat(map(results.tested, parts))
    if tested.empty:
        return []
    ranges = [(f"{column.min():.0f}", f"{column.max():.0f}") for column in (tested["bags"], tested["patients"])]
    bags, patients = (low if low == high else f"{low} to {high}" for low, high in ranges)
    return [f"Ours: each run is tested on {bags} bags of {patients} patients."]


def mark_note(results: Results) -> list[str]:
    """What the mark means, and what its absence does not."""
    if len(results.titles) < 2:
        return []
    return [
        f"{MARK} differs from {results.reference_title}, the reference: paired permutation test over patients on the "
        f"same bags and seeds, p below {results.significance:g} after Holm's correction over {len(results.titles) - 1} "
        "methods. Numbers without a mark are not shown to differ, whatever their order."
    ]


def _mean_text(cell: Mapping[Any, Any], spread: str, footnotes: Footnotes, show_n: bool) -> str:
    if not cell["method"]:
        return NOTHING
    if math.isnan(cell["n"]):
        return "not run"
    if math.isnan(cell["mean"]):
        word = "undefined" if cell["note"].startswith("undefined") else "missing"
        return f"{word} [{footnotes.mark(cell['note'])}]"
    around = "" if math.isnan(cell[spread]) else f" ± {cell[spread]:.3f}"
    return f"{cell['mean']:.3f}{around}" + (f" (n {cell['n']:.0f})" if show_n else "") + cell["mark"]
