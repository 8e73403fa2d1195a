"""Every method against the reference method, on the same bags with the same seeds.

The difference is the mean over runs of (method - reference). Its interval is a paired bootstrap: both are measured on
the same drawn patients. Its p is of a permutation test: were the two methods the same, which of a patient's answers is
whose would be chance, so both are swapped, patient by patient, with all the patient's bags, folds and seeds together.
For accuracy that is the sign-flip test; for a metric that is no mean over bags, such as the AUC, it is its counterpart.
For each metric, p is corrected over methods after Holm.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marrow.evaluation.cells import Row
from marrow.evaluation.metrics import METRICS
from marrow.evaluation.predictions import Numbers, Predictions
from marrow.evaluation.resampling import holm, interval, permutation_p
from marrow.evaluation.run_status import JudgedRun, Part, not_done
from marrow.evaluation.weighted import WeightedMetrics

Draws = Mapping[str, Numbers]


@dataclass(frozen=True)
class Permutations:
    """Ways to swap patients, (patients, ways), and whether they are all there are."""

    ways: Numbers
    is_complete: bool


def comparison_rows(
    part: Part, reference: str, draws_of: Mapping[str, Draws], permutations: Permutations, bins: int
) -> Iterator[Row]:
    """A row for each other method and metric; empty numbers where a run of either is missing.

    Args:
        part: the runs.
        reference: the method that the others are compared with.
        draws_of: method -> metric -> its mean in each draw of patients, the same draws for all; complete methods only.
        permutations: of the part's patients.
        bins: of the calibration error.
    """
    others = [method for method in part.methods if method != reference]
    compared = {
        method: _compared(part, method, reference, permutations, bins)
        for method in others
        if {method, reference} <= draws_of.keys()
    }
    for metric in METRICS:
        p_values = [compared[method][metric][1] if method in compared else np.nan for method in others]
        for method, p, corrected in zip(others, p_values, holm(p_values), strict=True):
            row: dict[str, str | float | None] = {"method": method, "reference": reference, "metric": metric}
            row |= {"patients": len(part.patients), "runs": len(_pairs(part, method, reference)), "part": part.name}
            if method not in compared:
                yield row | dict.fromkeys(("difference", "low", "high", "p", "p_corrected"))
                continue
            low, high = interval(draws_of[method][metric] - draws_of[reference][metric])
            difference = compared[method][metric][0]
            yield row | {"difference": difference, "low": low, "high": high, "p": p, "p_corrected": float(corrected)}


def comparison_notes(part: Part, reference: str, draws_of: Mapping[str, Draws], significance: float) -> Iterator[Row]:
    """Why there is no comparison, or none that could find a difference."""
    about = {"method": "", "metric": "", "part": part.name}
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


def _compared(
    part: Part, method: str, reference: str, permutations: Permutations, bins: int
) -> dict[str, tuple[float, float]]:
    """Metric -> the difference and its p."""
    pairs = _pairs(part, method, reference)
    observed = {name: _mean_difference(pairs, name) for name in METRICS}
    sums = {name: np.zeros(permutations.ways.shape[1]) for name in METRICS}
    counts = dict.fromkeys(METRICS, 0)
    for a, b in pairs:
        if not (a.predictions and b.predictions):
            continue
        swaps = permutations.ways[part.rows(a.predictions)]
        for name, values in _swapped_differences(a.predictions, b.predictions, swaps, bins).items():
            if np.isfinite(values).all():
                sums[name] += values
                counts[name] += 1
    found: dict[str, tuple[float, float]] = {}
    for name in METRICS:
        p = np.nan
        if counts[name]:
            p = permutation_p(observed[name], sums[name] / counts[name], permutations.is_complete)
        found[name] = observed[name], p
    return found


def _pairs(part: Part, method: str, reference: str) -> list[tuple[JudgedRun, JudgedRun]]:
    """The runs of both on the same bags with the same seed."""
    of_reference = {run.key: run for run in part.of_method(reference) if run.predictions is not None}
    mine = (run for run in part.of_method(method) if run.predictions is not None)
    return [(run, of_reference[run.key]) for run in mine if run.key in of_reference]


def _mean_difference(pairs: Sequence[tuple[JudgedRun, JudgedRun]], metric: str) -> float:
    differences = np.array([a.metrics[metric] - b.metrics[metric] for a, b in pairs])
    known = differences[np.isfinite(differences)]
    return float(known.mean()) if len(known) else float("nan")


def _swapped_differences(a: Predictions, b: Predictions, swaps: Numbers, bins: int) -> dict[str, Numbers]:
    """Every metric's difference for each way to swap, (ways,).

    Both methods' answers stand side by side, each bag twice; a way gives one method the weight 1 where the other has 0.

    Args:
        a: what a method says of bags.
        b: what another one says of them.
        swaps: (bags, ways), 1 where a bag's answers are swapped, else 0.
        bins: of the calibration error.
    """
    metrics = WeightedMetrics(_side_by_side(a, b), bins)
    first = metrics(np.concatenate([1 - swaps, swaps]))
    second = metrics(np.concatenate([swaps, 1 - swaps]))
    return {name: first[name] - second[name] for name in METRICS}


def _side_by_side(a: Predictions, b: Predictions) -> Predictions:
    return Predictions(
        np.concatenate([a.patients, b.patients]),
        np.concatenate([a.sites, b.sites]),
        np.concatenate([a.labels, b.labels]),
        np.concatenate([a.probabilities, b.probabilities]),
    )
