"""Every method against the reference method, on the same bags with the same seeds.

The difference is the mean over runs of (method - reference). Its interval is a paired bootstrap: both are measured on
the same drawn patients. Its p is of a permutation test: were the two methods the same, which of a patient's answers is
whose would be chance, so both are swapped, patient by patient, with all the patient's bags, folds and seeds together.
For accuracy that is the sign-flip test; for a metric that is no mean over bags, such as the AUC, it is its counterpart.
For each metric, p is corrected over methods after Holm.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from marrow.evaluation.columns import COLUMNS, METRICS
from marrow.evaluation.evaluated_runs import EvaluatedRun, Part, not_done
from marrow.evaluation.predictions import Numbers, Predictions
from marrow.evaluation.summary import Draws
from marrow.evaluation.weighted import WeightedMetrics
from marrow.statistics.resampling import holm, percentile_interval, permutation_p
from marrow.tables.frames import frame_of

Pair = tuple[EvaluatedRun, EvaluatedRun]


@dataclass(frozen=True)
class Permutations:
    """Ways to swap patients, (patients, ways), and whether they are all there are."""

    ways: Numbers
    is_complete: bool


def compare(part: Part, reference: str, draws_of: Draws, permutations: Permutations, bins: int) -> pd.DataFrame:
    """A row for each metric and other method; empty numbers where a run of either is missing.

    Args:
        part: the runs.
        reference: the method that the others are compared with.
        draws_of: the same draws of patients for all; complete methods only.
        permutations: of the part's patients.
        bins: of the calibration error.
    """
    others = [method for method in part.methods if method != reference]
    pairs = {method: _pairs(part, method, reference) for method in others}
    tested = {
        method: _differences(part, pairs[method], permutations, bins)
        for method in others
        if {method, reference} <= draws_of.keys()
    }
    rows: list[dict[str, str | float]] = []
    for metric in METRICS:
        for method in others:
            row = {"method": method, "metric": metric, "runs": len(pairs[method])}
            if method in tested:
                low, high = percentile_interval(draws_of[method][metric] - draws_of[reference][metric])
                difference, p = tested[method][metric]
                row |= {"difference": difference, "low": low, "high": high, "p": p}
            rows.append({**row, "reference": reference, "patients": len(part.patients), "part": part.name})
    table = frame_of(rows, COLUMNS["comparisons"])
    return table.assign(p_corrected=table.groupby("metric")["p"].transform(holm))


def comparison_notes(part: Part, reference: str, draws_of: Draws, significance: float) -> Iterator[dict[str, str]]:
    """Why there is no comparison, or none that could find a difference."""
    about = {"method": "", "metric": ""}
    others = len(part.methods) - 1
    if others and reference not in draws_of:
        lacking = len(not_done(part.of_method(reference)))
        yield about | {"note": f"nothing is compared: of the reference method {reference} {lacking} runs are missing"}
    least = min(1.0, 2.0 ** (1 - len(part.patients)))
    if others and len(part.patients) and min(1.0, least * others) >= significance:
        yield about | {
            "note": f"{len(part.patients)} patients are tested, so no p is below {least:.2g}, and none of {others} "
            f"comparisons can reach {significance:g} after correction, whatever the methods are like"
        }


def _differences(
    part: Part, pairs: Sequence[Pair], permutations: Permutations, bins: int
) -> dict[str, tuple[float, float]]:
    """Metric -> the mean difference over pairs of runs, and its p."""
    values = [[a.metrics[name] - b.metrics[name] for name in METRICS] for a, b in pairs]
    observed = pd.DataFrame(values, columns=list(METRICS), dtype=float).mean()
    sums = {name: np.zeros(permutations.ways.shape[1]) for name in METRICS}
    counts = dict.fromkeys(METRICS, 0)
    for a, b in pairs:
        if not (a.predictions and b.predictions):
            continue
        swaps = permutations.ways[part.rows(a.predictions)]
        for name, swapped in _swapped_differences(a.predictions, b.predictions, swaps, bins).items():
            if np.isfinite(swapped).all():
                sums[name] += swapped
                counts[name] += 1
    p_values = {
        name: permutation_p(observed[name], sums[name] / count, permutations.is_complete)
        for name, count in counts.items()
        if count
    }
    return {name: (observed[name], p_values.get(name, np.nan)) for name in METRICS}


def _pairs(part: Part, method: str, reference: str) -> list[Pair]:
    """The runs of both on the same bags with the same seed."""
    of_reference = {run.key: run for run in part.of_method(reference) if run.predictions is not None}
    mine = (run for run in part.of_method(method) if run.predictions is not None)
    return [(run, of_reference[run.key]) for run in mine if run.key in of_reference]


def _swapped_differences(a: Predictions, b: Predictions, swaps: Numbers, bins: int) -> dict[str, Numbers]:
    """Every metric's difference for each way to swap, (ways,).

    Both methods' answers stand side by side, each bag twice; a way gives one method the weight 1 where the other has 0.

    Args:
        a: the predictions of a method.
        b: those of another one for the same bags.
        swaps: (bags, ways), 1 where a bag's answers are swapped, else 0.
        bins: of the calibration error.
    """
    metrics = WeightedMetrics(Predictions.joined([a, b]), bins)
    first = metrics(np.concatenate([1 - swaps, swaps]))
    second = metrics(np.concatenate([swaps, 1 - swaps]))
    return {name: first[name] - second[name] for name in METRICS}
