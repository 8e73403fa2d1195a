"""The mean of a method over its runs, how far they spread, and how sure the mean is.

The standard deviation and the standard error are over runs (repeats, folds, seeds), the error being the deviation over
the root of their number. The interval is over patients: a bootstrap that draws the tested patients anew, the models as
they are. Where a run of a method is missing there is no mean: one over fewer would not be what was asked for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from marrow.evaluation.cells import Row
from marrow.evaluation.metrics import METRICS
from marrow.evaluation.predictions import Numbers
from marrow.evaluation.resampling import interval
from marrow.evaluation.run_status import JudgedRun, Part, not_done
from marrow.evaluation.weighted import WeightedMetrics

SHOWN = 3  # missing runs that a note names


@dataclass(frozen=True)
class Settings:
    """The section `evaluation` of the config, without the reference.

    Attributes:
        resamples: draws of the bootstrap and of the permutation.
        stratify: whether as many patients of each class are drawn as there are.
        calibration_bins: of the calibration error and the reliability curve.
        significance: level at which a corrected p counts as a difference.
        seed: of chance.
    """

    resamples: int
    stratify: bool
    calibration_bins: int
    significance: float
    seed: int


def mean_of(values: Sequence[float]) -> float:
    """The mean of those that are defined; NaN where none is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def bootstrapped(runs: Sequence[JudgedRun], part: Part, draws: Numbers, bins: int) -> dict[str, Numbers]:
    """The mean of each metric over runs, for each draw of patients, (draws,).

    A run without a value in a draw, as where the draw has no patient of a class, is left out of that draw's mean.

    Args:
        runs: of one method.
        part: that they belong to.
        draws: how often each patient of the part is drawn, (patients, draws).
        bins: of the calibration error.
    """
    sums = {name: np.zeros(draws.shape[1]) for name in METRICS}
    counts = {name: np.zeros(draws.shape[1]) for name in METRICS}
    for run in runs:
        if run.predictions is None or len(run.predictions) == 0:
            continue
        found = WeightedMetrics(run.predictions, bins)(draws[part.rows(run.predictions)])
        for name, values in found.items():
            known = np.isfinite(values)
            sums[name] += np.where(known, values, 0)
            counts[name] += known
    with np.errstate(invalid="ignore"):
        return {name: sums[name] / counts[name] for name in METRICS}


def summary_rows(part: Part, draws_of: Mapping[str, Mapping[str, Numbers]]) -> Iterator[Row]:
    """A row for each method and metric.

    Args:
        part: runs to average over.
        draws_of: method -> metric -> its mean in each draw; a method that is not complete is not in it.
    """
    for method in part.methods:
        runs = part.of_method(method)
        for metric in METRICS:
            values = [run.metrics[metric] for run in runs if run.metrics and not np.isnan(run.metrics[metric])]
            row = {"method": method, "metric": metric, "n": len(values), "part": part.name}
            complete = method in draws_of and len(values) > 0
            spread = _spread(values) if complete else {"mean": None, "std": None, "sem": None}
            low, high = interval(draws_of[method][metric]) if complete else (None, None)
            yield row | spread | {"low": low, "high": high}


def summary_notes(part: Part, draws_of: Mapping[str, Mapping[str, Numbers]]) -> Iterator[Row]:
    """Why a number of the summary is empty, or is of fewer runs than planned."""
    for method in part.methods:
        runs = part.of_method(method)
        lacking = not_done(runs)
        if lacking:
            shown = "; ".join(f"{run.planned.name}: {run.reason}" for run in lacking[:SHOWN])
            more = f"; and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
            note = f"{len(lacking)} of {len(runs)} runs are missing, so there is no mean. {shown}{more}"
            yield {"method": method, "metric": "", "note": note, "part": part.name}
    for method, draws in list(draws_of.items())[:1]:  # what is undefined is so for all methods: the bags are the same
        for metric in METRICS:
            for note in (_undefined_runs(part.of_method(method), metric), _undefined_draws(draws[metric])):
                if note:
                    yield {"method": "", "metric": metric, "note": note, "part": part.name}


def _undefined_runs(runs: Sequence[JudgedRun], metric: str) -> str:
    undefined = [run for run in runs if np.isnan(run.metrics[metric])]
    if not undefined:
        return ""
    told = "" if len(undefined) == len(runs) else f" in {len(undefined)} of {len(runs)} runs; the mean is of the others"
    return f"undefined{told}: {undefined[0].reason}"


def _undefined_draws(values: Numbers) -> str:
    share = float(np.isnan(values).mean())
    if share in {0, 1}:
        return ""
    told = "the interval is of the others" if np.isfinite(interval(values)).all() else "there is no interval"
    return f"undefined in {share:.0%} of the draws of patients, which lack a class; {told}"


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "std": std, "sem": None if std is None else std / len(values) ** 0.5}
