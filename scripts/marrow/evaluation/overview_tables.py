"""Tables of all methods and metrics: means, intervals, and differences to the reference."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from marrow.evaluation.columns import LOWER_IS_BETTER, METRIC_TITLES
from marrow.evaluation.layout import mark_note, mean_texts, tested_note, text_rows
from marrow.evaluation.results import Results
from marrow.tables.text_table import NOTHING, Footnotes, TextTable

TITLES = {name: f"{title} ↓" if name in LOWER_IS_BETTER else title for name, title in METRIC_TITLES.items()}
HEADS = ("Method", *TITLES.values())
LOWER = "↓: lower is better."
MACRO = "Sensitivity, specificity and F1 are macro averages: each class against the rest, then the mean over classes."
INTERVALS = (
    "95% interval of the mean: bootstrap over patients, each with all bags and seeds. The models are as they are: how "
    "another training would come out is not in it.",
    "Two methods whose intervals overlap may differ all the same, for they share their patients: see the differences.",
)
DIFFERENCES = (
    "Mean over runs of method minus reference, on the same bags with the same seeds, and its 95% interval from a "
    "paired bootstrap over patients."
)


def overview_cells(part: str, results: Results) -> pd.DataFrame:
    """The cells of a part's table of means, row after row."""
    cells = results.of_part(part)
    return cells.assign(
        table=f"All metrics, {part}",
        row=cells["method"].map(results.titles),
        column=cells["metric"].map(TITLES),
        published="",
        published_spread="",
        spread_kind="std",
        note=cells["note"].fillna("not run"),
    )


def overview_tables(part: str, cells: pd.DataFrame, results: Results) -> Iterator[TextTable]:
    """The tables of a part.

    Args:
        part: of the entry.
        cells: of its table of means.
        results: of the entry.
    """
    footnotes = Footnotes()
    means, of_means = mean_texts(cells, "std", footnotes)
    general = [_sentence(reason, metrics) for reason, metrics in results.general_notes(part).items()]
    notes = [of_means, *tested_note([part], results), MACRO, LOWER, *mark_note(results), *general, *footnotes.lines]
    yield _table(f"All metrics, {part}", cells, means, notes, results.reference)
    intervals = [_interval(*ends) for ends in cells[["low", "high"]].itertuples(index=False)]
    yield _table(f"95% intervals, {part}", cells, intervals, [*INTERVALS, LOWER, *general], results.reference)
    if len(results.titles) > 1:
        others = cells[cells["method"] != results.reference].reset_index()
        numbers = others[["difference", "difference_low", "difference_high", "mark"]]
        differences = [_difference(*of_cell) for of_cell in numbers.itertuples(index=False)]
        title = f"Differences to {results.reference_title}, {part}"
        yield _table(title, others, differences, [DIFFERENCES, LOWER, *mark_note(results)], results.reference)


def _table(title: str, cells: pd.DataFrame, texts: list[str], notes: Sequence[str], reference: str) -> TextTable:
    return TextTable(title, HEADS, (), text_rows(cells, zip(texts, strict=True), reference), tuple(notes))


def _interval(low: float, high: float) -> str:
    return NOTHING if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _difference(difference: float, low: float, high: float, mark: str) -> str:
    if math.isnan(difference):
        return NOTHING
    around = "" if math.isnan(low) else f" ({_signed(low)} to {_signed(high)})"
    return f"{_signed(difference)}{around}{mark}"


def _signed(value: float) -> str:
    """With its sign, a real minus."""
    return f"{value:+.3f}".replace("-", "−") if abs(value) >= 0.0005 else "0.000"


def _sentence(reason: str, metrics: Sequence[str]) -> str:
    names = ", ".join(METRIC_TITLES[name] for name in metrics)
    text = f"{names}: {reason}" if names else reason
    return f"{text[:1].upper()}{text[1:]}."
