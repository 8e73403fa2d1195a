"""Tables of all methods and metrics: means, intervals, and differences to the reference."""

import math
from collections.abc import Iterator, Sequence

from marrow.evaluation.cell_texts import (
    MARK,
    mean_text,
    own_numbers,
    row_title,
    shared_n,
    told_marks,
    told_n,
    told_tested,
)
from marrow.evaluation.cells import Row, number
from marrow.evaluation.metrics import METRICS
from marrow.evaluation.results import Result, Results
from marrow.tables.text_table import NOTHING, Footnotes, TextTable

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "f1": "F1",
    "auc": "AUC",
    "log_loss": "Log loss ↓",
    "brier": "Brier score ↓",
    "calibration_error": "Calibration error ↓",
}
HEADS = ("Method", *NAMES.values())
LOWER = "↓: lower is better."
MACRO = "Sensitivity, specificity and F1 are macro averages: each class against the rest, then the mean over classes."


def own_layouts(results: Results) -> Iterator[tuple[TextTable, list[Row]]]:
    """The tables of each part."""
    for part in results.parts:
        yield _means(part, results)
        yield _intervals(part, results), []
        if len(results.titles) > 1:
            yield _differences(part, results), []


def _means(part: str, results: Results) -> tuple[TextTable, list[Row]]:
    title, footnotes = f"All metrics, {part}", Footnotes()
    found = _found(part, results)
    n = shared_n(list(found.values()))
    rows = [
        (
            row_title(name, method, results),
            *(mean_text(found[method, metric], "std", results, footnotes, show_n=n is None) for metric in METRICS),
        )
        for method, name in results.titles.items()
    ]
    notes = [told_n(n, "std"), *told_tested([part], results), MACRO, LOWER, *told_marks(results)]
    cells = [
        _cell(title, part, method, metric, found[method, metric], results)
        for method in results.titles
        for metric in METRICS
    ]
    return TextTable(title, HEADS, (), tuple(rows), (*notes, *_general(part, results), *footnotes.lines)), cells


def _intervals(part: str, results: Results) -> TextTable:
    found = _found(part, results)
    rows = [
        (row_title(name, method, results), *(_interval(found[method, metric]) for metric in METRICS))
        for method, name in results.titles.items()
    ]
    notes = (
        "95% interval of the mean: bootstrap over patients, each with all bags and seeds. The models are as they are: "
        "how another training would come out is not in it.",
        "Two methods whose intervals overlap may differ all the same, for they share their patients: see the "
        "differences.",
        LOWER,
        *_general(part, results),
    )
    return TextTable(f"95% intervals, {part}", HEADS, (), tuple(rows), notes)


def _differences(part: str, results: Results) -> TextTable:
    rows = [
        (name, *(_difference(part, method, metric, results) for metric in METRICS))
        for method, name in results.titles.items()
        if method != results.reference
    ]
    notes = (
        "Mean over runs of method minus reference, on the same bags with the same seeds, and its 95% interval from a "
        "paired bootstrap over patients.",
        LOWER,
        *told_marks(results),
    )
    title = f"Differences to {results.titles.get(results.reference, results.reference)}, {part}"
    return TextTable(title, HEADS, (), tuple(rows), notes)


def _found(part: str, results: Results) -> dict[tuple[str, str], Result | None]:
    return {(method, metric): results.result(part, method, metric) for method in results.titles for metric in METRICS}


def _cell(title: str, part: str, method: str, metric: str, result: Result | None, results: Results) -> Row:
    return {
        "table": title,
        "row": results.titles[method],
        "column": NAMES[metric],
        "metric": metric,
        "method": method,
        "published": None,
        "published_spread": None,
        "spread_kind": "std",
        "part": part,
        **own_numbers(result, results, "not run"),
    }


def _interval(result: Result | None) -> str:
    if result is None or math.isnan(result.low):
        return NOTHING
    return f"{result.low:.3f} to {result.high:.3f}"


def _difference(part: str, method: str, metric: str, results: Results) -> str:
    row = results.comparison(part, method, metric)
    if row is None or not row["difference"]:
        return NOTHING
    text = _signed(number(row["difference"]))
    if row["low"]:
        text += f" ({_signed(number(row['low']))} to {_signed(number(row['high']))})"
    return text + (MARK if number(row["p_corrected"]) < results.significance else "")


def _signed(value: float) -> str:
    """With its sign, a real minus."""
    return f"{value:+.3f}".replace("-", "−") if abs(value) >= 0.0005 else "0.000"


def _general(part: str, results: Results) -> list[str]:
    """The notes that hold for all methods, metrics with one reason together."""
    reasons: dict[str, list[str]] = {}
    for row in results.notes:
        if row["part"] == part and not row["method"]:
            reasons.setdefault(row["note"], []).append(row["metric"])
    return [_sentence(reason, [name for name in metrics if name]) for reason, metrics in reasons.items()]


def _sentence(reason: str, metrics: Sequence[str]) -> str:
    names = ", ".join(NAMES[name].removesuffix(" ↓") for name in metrics)
    text = f"{names}: {reason}" if names else reason
    return f"{text[:1].upper()}{text[1:]}."
