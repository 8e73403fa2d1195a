"""Tables of all methods and metrics: means, intervals, and differences to the reference."""

import math
from collections.abc import Iterator

from marrow.evaluation.cells import number
from marrow.evaluation.laid_table import MARK, NOTHING, Footnotes, LaidTable, mean_text, shared_n, told_marks, told_n
from marrow.evaluation.metrics import METRICS
from marrow.evaluation.published_layout import own_numbers
from marrow.evaluation.results import Result, Results

NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "sensitivity": "Sensitivity (macro, one against rest)",
    "specificity": "Specificity (macro, one against rest)",
    "f1": "F1 (macro, one against rest)",
    "auc": "AUC",
    "log_loss": "Log loss ↓",
    "brier": "Brier score ↓",
    "calibration_error": "Calibration error ↓",
}
LOWER = "↓: lower is better."


def own_layouts(results: Results) -> Iterator[LaidTable]:
    """The tables of each part."""
    for part in results.parts:
        yield _means(part, results)
        yield _intervals(part, results)
        if len(results.titles) > 1:
            yield _differences(part, results)


def _means(part: str, results: Results) -> LaidTable:
    footnotes = Footnotes()
    found = _found(part, results)
    n = shared_n(list(found.values()))
    rows = [
        (
            _named(method, title, results),
            *(mean_text(found[method, metric], "std", results, footnotes, show_n=n is None) for metric in METRICS),
        )
        for method, title in results.titles.items()
    ]
    notes = [told_n(n, "std"), LOWER, *told_marks(results), *_general(part, results), *footnotes.lines]
    cells = [
        {
            "table": f"All metrics, {part}",
            "row": title,
            "column": NAMES[metric],
            "metric": metric,
            "method": method,
            "published": None,
            "published_spread": None,
            "spread_kind": "std",
            "part": part,
            **own_numbers(found[method, metric], results, "not run"),
        }
        for method, title in results.titles.items()
        for metric in METRICS
    ]
    heads = ("Method", *NAMES.values())
    return LaidTable(f"All metrics, {part}", heads, 1, (), tuple(rows), tuple(notes), tuple(cells))


def _intervals(part: str, results: Results) -> LaidTable:
    found = _found(part, results)
    rows = [
        (_named(method, title, results), *(_interval(found[method, metric]) for metric in METRICS))
        for method, title in results.titles.items()
    ]
    notes = [
        "95% interval of the mean: bootstrap over patients, each with all bags and seeds; the models are as they are, so "
        "that another training is not in it.",
        "Intervals of two methods that overlap may differ all the same, for they share their patients: see the "
        "differences.",
        LOWER,
    ]
    return LaidTable(
        f"95% intervals, {part}",
        ("Method", *NAMES.values()),
        1,
        (),
        tuple(rows),
        (*notes, *_general(part, results)),
        (),
    )


def _differences(part: str, results: Results) -> LaidTable:
    others = [method for method in results.titles if method != results.reference]
    rows = [
        (results.titles[method], *(_difference(part, method, metric, results) for metric in METRICS))
        for method in others
    ]
    reference = results.titles.get(results.reference, results.reference)
    notes = [
        "Mean over runs of method minus reference, on the same bags with the same seeds, and its 95% interval from a "
        "paired bootstrap over patients.",
        LOWER,
        *told_marks(results),
    ]
    title = f"Differences to {reference}, {part}"
    return LaidTable(title, ("Method", *NAMES.values()), 1, (), tuple(rows), tuple(notes), ())


def _found(part: str, results: Results) -> dict[tuple[str, str], Result | None]:
    return {(method, metric): results.result(part, method, metric) for method in results.titles for metric in METRICS}


def _named(method: str, title: str, results: Results) -> str:
    return f"{title} (reference)" if method == results.reference else title


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
    """With a real minus sign."""
    return f"{value:+.3f}".replace("-", "−")


def _general(part: str, results: Results) -> list[str]:
    """The notes that hold for all methods, metrics with one reason together."""
    reasons: dict[str, list[str]] = {}
    for row in results.notes:
        if row["part"] == part and not row["method"]:
            reasons.setdefault(row["note"], []).append(row["metric"])
    return [
        f"{', '.join(NAMES[metric].removesuffix(' ↓') for metric in metrics if metric)}: {note}" if metrics[0] else
        note[:1].upper() + note[1:] + "."
        for note, metrics in reasons.items()
    ]  # fmt: skip
